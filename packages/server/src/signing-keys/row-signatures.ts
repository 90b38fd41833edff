/**
 * Signatures of rows under the FSK, as the original signs its certificates, policies and baselines (contract §12, §13): someone with write
 * access to the database cannot change what a tenant stored without being noticed.
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { SigningKeys } from './signing-keys.ts'
import { signBytes, verifyBytes } from './signature.ts'
import { ROW_ALGORITHM } from './signing-key.ts'

const MAX_CACHED_RESULTS = 50_000

/** What a signature covers, in an order that never changes for a kind of row. Numbers are safe integers. */
export type SignedField = string | number | Uint8Array | null

export interface RowSignature {
  signature: Uint8Array
  keyVersion: number
}

export class RowSignatures {
  readonly #signingKeys: SigningKeys
  /** Keyed by the digest of what was verified, including the signature. */
  readonly #results = new LRUCache<string, boolean>({ maxSize: MAX_CACHED_RESULTS, sizeCalculation: () => 1 })

  constructor(signingKeys: SigningKeys) {
    this.#signingKeys = signingKeys
  }

  /** The version that signs now. */
  async currentVersion(): Promise<number> {
    return (await this.#signingKeys.current('FSK')).version
  }

  /** Signs a row of a kind, such as `policy`. */
  async sign(kind: string, fields: readonly SignedField[]): Promise<RowSignature> {
    const key = await this.#signingKeys.current('FSK')
    return { signature: await signBytes(key.privateKey, ROW_ALGORITHM, canonicalBytes(kind, fields)), keyVersion: key.version }
  }

  /** Whether the row is as it was signed; also false if there is no such version of the key (any longer). */
  async verify(kind: string, fields: readonly SignedField[], signature: Uint8Array, keyVersion: number): Promise<boolean> {
    // First, since an earlier verification no longer counts once the version is retired.
    const key = await this.#signingKeys.version('FSK', keyVersion)
    // A missing version may be on its way from another server, so its absence is not cached.
    if (!key) return false
    const data = canonicalBytes(kind, fields)
    const place = createHash('sha256').update(data).update(signature).update(`${keyVersion}`).digest('base64')
    const known = this.#results.get(place)
    if (known !== undefined) return known
    const result = verifyBytes(key.publicKey, ROW_ALGORITHM, data, signature)
    this.#results.set(place, result)
    return result
  }
}

const MARK = Buffer.from('vouchsafe row')

/** Mark, kind and fields, each with a letter for its type and its length before it: no two rows produce the same bytes. */
function canonicalBytes(kind: string, fields: readonly SignedField[]): Buffer {
  return Buffer.concat([MARK, ...[kind, ...fields].flatMap(encode)])
}

function encode(field: SignedField): Buffer[] {
  if (field === null) return [header('0', 0)]
  if (typeof field === 'number') {
    if (!Number.isSafeInteger(field)) throw new TypeError('a signed number must be a safe integer')
    const digits = Buffer.from(String(field))
    return [header('n', digits.length), digits]
  }
  const bytes = typeof field === 'string' ? Buffer.from(field) : Buffer.from(field.buffer, field.byteOffset, field.byteLength)
  return [header(typeof field === 'string' ? 's' : 'b', bytes.length), bytes]
}

function header(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.write(type, 'latin1')
  bytes.writeUInt32BE(length, 1)
  return bytes
}
