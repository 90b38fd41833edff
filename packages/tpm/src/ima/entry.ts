import { TpmError } from '../error.ts'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { digestSizes } from '../hash.ts'
import { decodeHex } from './ascii-fields.ts'
import type { ImaField, ImaFileDigest } from './field.ts'
import { bareDigest, decodeFields, fieldText, namedDigest, uint32 } from './field.ts'
import { hashInto } from './hash-into.ts'
import type { ImaTemplate } from './template.ts'
import { LEGACY_NAME_SIZE } from './template.ts'

/** What the entries of one log share. */
export interface ImaSource {
  readonly bytes: Uint8Array
  /** The same bytes, for what is text in them. */
  readonly text: Buffer
  readonly format: 'ascii' | 'binary'
  readonly hashes: Hashes
}

/** Where an entry's parts lie in the source. */
export interface ImaPlace {
  readonly number: number
  readonly pcr: number
  readonly templateName: string
  readonly template: ImaTemplate | undefined
  readonly end: number
  /** The template digest: in an ASCII log its hex text. */
  readonly digestStart: number
  readonly digestEnd: number
  /** What holds the template data, fields with their lengths; undefined for an unknown template in an ASCII log. */
  readonly data: Uint8Array | undefined
  readonly dataStart: number
  readonly dataEnd: number
  readonly violation: boolean
  /** The algorithm by which the parser has found that the logged template digest is that of the data. */
  readonly verified: HashAlgorithm | undefined
}

/**
 * One measurement, as views onto the log: everything is decoded on demand, so keep the log's bytes unchanged.
 *
 * A PCR covers the template data, that is `fields` and all that is made of them. It does not cover `templateName` (so not the names of the fields either), the
 * logged `templateDigest`, which is never used where it can be recomputed, and, of a violation, anything but that there was one. So take a field other than
 * digest and path for what its name says only where the template is that of the host.
 *
 * @example
 * const entry: ImaEntry = parseImaLog(imaLog).entries[1]
 * const found = [entry.path, entry.fileDigest?.algorithm] // → ['/usr/bin/cat', 'sha256']
 */
export class ImaEntry {
  /** Counts from 0, the boot aggregate, over all PCRs. */
  readonly number: number
  readonly pcr: number
  readonly templateName: string
  /** The file was open for writing while it was measured, or the reverse: the logged digest is zeros, ones are extended, and the fields are not covered. */
  readonly violation: boolean
  /** Where the entry ends in the log's bytes. */
  readonly end: number
  readonly #source: ImaSource
  readonly #template: ImaTemplate | undefined
  readonly #digestStart: number
  readonly #digestEnd: number
  readonly #data: Uint8Array | undefined
  readonly #dataStart: number
  readonly #dataEnd: number
  readonly #verified: HashAlgorithm | undefined

  constructor(source: ImaSource, place: ImaPlace) {
    // A log has many entries, so each is one object.
    this.number = place.number
    this.pcr = place.pcr
    this.templateName = place.templateName
    this.violation = place.violation
    this.end = place.end
    this.#source = source
    this.#template = place.template
    this.#digestStart = place.digestStart
    this.#digestEnd = place.digestEnd
    this.#data = place.data
    this.#dataStart = place.dataStart
    this.#dataEnd = place.dataEnd
    this.#verified = place.verified
  }

  /** The template digest as logged. */
  get templateDigest(): Uint8Array {
    const { bytes, format } = this.#source
    if (format === 'binary') return bytes.subarray(this.#digestStart, this.#digestEnd)
    const digest = new Uint8Array((this.#digestEnd - this.#digestStart) / 2)
    decodeHex(bytes, this.#digestStart, this.#digestEnd, digest, 0)
    return digest
  }

  /** Whether the logged template digest is that of the fields; undefined when that can't be computed, and for a violation. */
  get templateDigestMatches(): boolean | undefined {
    if (this.#verified !== undefined) return true
    if (this.violation) return undefined
    const logged = this.templateDigest
    const candidates = digestAlgorithms(logged.length, this.#source.hashes)
    const computed = Buffer.alloc(logged.length)
    for (const algorithm of candidates) {
      if (!this.#recompute(algorithm, computed, 0)) return undefined
      if (computed.equals(logged)) return true
    }
    return candidates.length === 0 || (candidates.length === 1 && logged.length === 32) ? undefined : false
  }

  /** The template's fields in order, as views; undefined when the template is unknown. */
  get fields(): ImaField[] | undefined {
    const data = this.#data?.subarray(this.#dataStart, this.#dataEnd)
    return this.#template === undefined || data === undefined ? undefined : decodeFields(this.#template, data)
  }

  /** The first field with that id. */
  field(id: string): Uint8Array | undefined {
    return this.fields?.find((field) => field.id === id)?.bytes
  }

  /** The path of the file, or the name of the event, if it is among the first two fields; before Linux 3.13 names may have blanks, since then they have `_`. */
  get path(): string | undefined {
    const fields = this.#leading
    const name = fields?.find(({ id }) => id === 'n-ng') ?? fields?.find(({ id }) => id === 'n')
    return name === undefined ? undefined : fieldText(name.bytes)
  }

  /** The digest of the file (or of `buf`), if it is among the first two fields. */
  get fileDigest(): ImaFileDigest | undefined {
    const fields = this.#leading
    const named = fields?.find(({ id }) => id === 'd-ng' || id === 'd-ngv2')
    if (named !== undefined) return namedDigest(named.bytes)
    const bare = fields?.find(({ id }) => id === 'd')
    return bare === undefined ? undefined : bareDigest(bare.bytes)
  }

  /**
   * The first two fields, where every template of the kernel has digest and name. Later ones may hold what anyone wrote (`sig`, `buf`), and
   * a log could name those so, since the PCR does not cover their names.
   */
  get #leading(): ImaField[] | undefined {
    return this.fields?.slice(0, 2)
  }

  /** The field `sig`, if not empty: a file signature as in the extended attribute. */
  get signature(): Uint8Array | undefined {
    const bytes = this.field('sig')
    return bytes?.length === 0 ? undefined : bytes
  }

  /**
   * Writes what this entry extends into a PCR bank: the template digest recomputed for it, ones for a violation. Of an unknown template in an ASCII log
   * the logged digest is taken, if it has the bank's size, since the PCR then covers that digest and nothing of the entry is decoded.
   * Throws TpmError when it can't be computed.
   */
  extendedDigest(algorithm: HashAlgorithm, target: Buffer, offset: number): void {
    const { bytes, format } = this.#source
    const size = digestSizes[algorithm]
    if (this.violation) target.fill(0xff, offset, offset + size)
    else if (this.#verified === algorithm) decodeHex(bytes, this.#digestStart, this.#digestEnd, target, offset)
    else if (this.#recompute(algorithm, target, offset)) return
    else if (format === 'ascii' && this.#digestEnd - this.#digestStart === 2 * size)
      decodeHex(bytes, this.#digestStart, this.#digestEnd, target, offset)
    else
      throw new TpmError(`entry ${this.number}: its ${algorithm} digest can't be computed, the template ${this.templateName} is unknown`, {
        field: 'template name',
      })
  }

  #recompute(algorithm: HashAlgorithm, target: Buffer, offset: number): boolean {
    if (this.#data === undefined) return false
    const data = this.#data.subarray(this.#dataStart, this.#dataEnd)
    hashInto(algorithm, hashedData(this.#template, data), target, offset, this.#source.hashes)
    return true
  }
}

/**
 * What the template digest covers: the template data, but for the original template, digest ‖ name padded with zeros.
 * Source: Linux, ima_crypto.c, ima_calc_field_array_hash_tfm.
 */
export function hashedData(template: ImaTemplate | undefined, data: Uint8Array): Uint8Array {
  if (template?.legacy !== true) return data
  const digest = uint32(data, 0)
  const hashed = new Uint8Array(digest + LEGACY_NAME_SIZE)
  hashed.set(data.subarray(4, 4 + digest))
  hashed.set(data.subarray(8 + digest), digest)
  return hashed
}

const ALGORITHMS: ReadonlyMap<number, readonly HashAlgorithm[]> = new Map([
  [20, ['sha1']],
  [32, ['sha256', 'sm3']],
  [48, ['sha384']],
  [64, ['sha512']],
])
const WITHOUT_SM3: readonly HashAlgorithm[] = ['sha256']

/** Algorithms whose digests have that many bytes and can be computed. */
export function digestAlgorithms(size: number, hashes: Hashes): readonly HashAlgorithm[] {
  return size === 32 && hashes.sm3 === undefined ? WITHOUT_SM3 : (ALGORITHMS.get(size) ?? [])
}
