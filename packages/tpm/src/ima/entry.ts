import { TpmError } from '../error.ts'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { digestSizes } from '../hash.ts'
import { decodeHex, encodeAsciiFields, encodedSize } from './ascii-fields.ts'
import type { ImaField, ImaFileDigest } from './field.ts'
import { bareDigest, decodeFields, fieldText, namedDigest, uint32 } from './field.ts'
import { hashInto } from './hash-into.ts'
import type { ImaTemplate } from './template.ts'

/** What the entries of one log share. */
export interface ImaSource {
  readonly bytes: Uint8Array
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
  readonly dataStart: number
  readonly dataEnd: number
  readonly violation: boolean
  /** The algorithm by which the parser has found that the logged template digest is that of the data. */
  readonly verified: HashAlgorithm | undefined
}

/** The `n` field of the original template, padded. */
const LEGACY_NAME_SIZE = 256

/** Where the bytes to be hashed are put together; one for all, since nothing here waits. */
let scratch = new Uint8Array(4096)

/**
 * One measurement, as views onto the log: everything is decoded when it is asked for, so keep the log's bytes unchanged.
 *
 * A PCR covers the template data, that is `fields` and all that is made of them. It does not cover `templateName` (so not the names of the fields either), the
 * logged `templateDigest`, which is never used where it can be recomputed, and, of a violation, anything but that there was one.
 */
export class ImaEntry {
  readonly #source: ImaSource
  readonly #place: ImaPlace

  constructor(source: ImaSource, place: ImaPlace) {
    this.#source = source
    this.#place = place
  }

  /** Counts from 0, the boot aggregate, over all PCRs. */
  get number(): number {
    return this.#place.number
  }

  get pcr(): number {
    return this.#place.pcr
  }

  get templateName(): string {
    return this.#place.templateName
  }

  /** The file was open for writing while it was measured, or the reverse: the logged digest is zeros, ones are extended, and the fields are not covered. */
  get violation(): boolean {
    return this.#place.violation
  }

  /** Where the entry ends in the log's bytes. */
  get end(): number {
    return this.#place.end
  }

  /** The template digest as logged. */
  get templateDigest(): Uint8Array {
    const { digestStart, digestEnd } = this.#place
    if (this.#source.format === 'binary') return this.#source.bytes.subarray(digestStart, digestEnd)
    const digest = new Uint8Array((digestEnd - digestStart) / 2)
    decodeHex(this.#source.bytes, digestStart, digestEnd, digest, 0)
    return digest
  }

  /** Whether the logged template digest is that of the fields; undefined when that can't be computed, and for a violation. */
  get templateDigestMatches(): boolean | undefined {
    if (this.#place.verified !== undefined) return true
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

  /** The template's fields in order; undefined when the template is unknown. */
  get fields(): ImaField[] | undefined {
    const { template, dataStart } = this.#place
    if (template === undefined) return undefined
    const data = this.#data(template)
    return decodeFields(template, this.#source.format === 'ascii' ? data.slice() : data, dataStart)
  }

  /** The first field with that id. */
  field(id: string): Uint8Array | undefined {
    return this.fields?.find((field) => field.id === id)?.bytes
  }

  /** The path of the file, or the name of the event; before Linux 3.13 names may have blanks, since then they have `_`. */
  get path(): string | undefined {
    const fields = this.fields
    const name = fields?.find(({ id }) => id === 'n-ng') ?? fields?.find(({ id }) => id === 'n')
    return name === undefined ? undefined : fieldText(name.bytes)
  }

  /** The digest of the file (or of `buf`). */
  get fileDigest(): ImaFileDigest | undefined {
    const fields = this.fields
    const named = fields?.find(({ id }) => id === 'd-ng' || id === 'd-ngv2')
    if (named !== undefined) return namedDigest(named.bytes)
    const bare = fields?.find(({ id }) => id === 'd')
    return bare === undefined ? undefined : bareDigest(bare.bytes)
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
    const { violation, verified, digestStart, digestEnd, number, templateName } = this.#place
    const { bytes, format } = this.#source
    const size = digestSizes[algorithm]
    if (violation) target.fill(0xff, offset, offset + size)
    else if (verified === algorithm) decodeHex(bytes, digestStart, digestEnd, target, offset)
    else if (this.#recompute(algorithm, target, offset)) return
    else if (format === 'ascii' && digestEnd - digestStart === 2 * size) decodeHex(bytes, digestStart, digestEnd, target, offset)
    else
      throw new TpmError(`entry ${number}: its ${algorithm} digest can't be computed, the template ${templateName} is unknown`, {
        field: 'template name',
      })
  }

  #recompute(algorithm: HashAlgorithm, target: Buffer, offset: number): boolean {
    const data = this.#hashed()
    if (data === undefined) return false
    hashInto(algorithm, data, target, offset, this.#source.hashes)
    return true
  }

  /** The bytes whose digest is the template digest; good until the next call. */
  #hashed(): Uint8Array | undefined {
    const { template, dataStart, dataEnd } = this.#place
    if (template === undefined) return this.#source.format === 'ascii' ? undefined : this.#source.bytes.subarray(dataStart, dataEnd)
    const data = this.#data(template)
    return template.legacy ? legacyHashed(data) : data
  }

  /** The template data, fields with their lengths; good until the next call. */
  #data(template: ImaTemplate): Uint8Array {
    const { bytes, format } = this.#source
    const { dataStart, dataEnd } = this.#place
    if (format === 'ascii') return encodeEntry(template, bytes, dataStart, dataEnd)!
    return template.legacy ? encodeLegacy(bytes, dataStart, dataEnd) : bytes.subarray(dataStart, dataEnd)
  }
}

/** The template data of the text in [start, end), good until the next call; undefined when it does not fit the template. */
export function encodeEntry(template: ImaTemplate, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const size = encodedSize(template, end - start)
  if (scratch.length < size) scratch = new Uint8Array(2 * size)
  const written = encodeAsciiFields(template, bytes, start, end, scratch)
  return written === -1 || (template.legacy && !isLegacyData(scratch, written)) ? undefined : scratch.subarray(0, written)
}

/** What the digest of the original template covers: digest ‖ name padded with zeros. Source: Linux, ima_crypto.c, ima_calc_field_array_hash_tfm. */
export function legacyHashed(data: Uint8Array): Uint8Array {
  const digest = uint32(data, 0)
  const hashed = new Uint8Array(digest + LEGACY_NAME_SIZE)
  hashed.set(data.subarray(4, 4 + digest))
  hashed.set(data.subarray(8 + digest), digest)
  return hashed
}

/** A digest, and a name of at most 255 bytes with its NUL. */
function isLegacyData(data: Uint8Array, length: number): boolean {
  const digest = uint32(data, 0)
  return digest <= digestSizes.sha1 && length - 8 - digest <= LEGACY_NAME_SIZE
}

/** Gives the binary form of the original template (20 bytes of digest, length of the name, name without NUL) the form of all others. */
function encodeLegacy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const name = start + digestSizes.sha1 + 4
  const data = new Uint8Array(end - start + 5)
  data[0] = digestSizes.sha1
  data.set(bytes.subarray(start, name - 4), 4)
  const length = end - name + 1
  data[24] = length & 0xff
  data[25] = length >>> 8
  data.set(bytes.subarray(name, end), 28)
  return data
}

/** Algorithms whose digests have that many bytes and can be computed. */
export function digestAlgorithms(size: number, hashes: Hashes): HashAlgorithm[] {
  const algorithms: HashAlgorithm[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3']
  return algorithms.filter((algorithm) => digestSizes[algorithm] === size && (algorithm !== 'sm3' || hashes.sm3 !== undefined))
}
