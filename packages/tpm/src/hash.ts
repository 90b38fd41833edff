import { hash as hashOnce } from 'node:crypto'
import { TpmError } from './error.ts'

export type HashAlgorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'sm3'

export type HashFunction = (data: Uint8Array) => Uint8Array

/** SM3 comes from the caller; without it SM3 banks are reported as not computable, never guessed. */
export type Hashes = { sm3?: HashFunction }

/** Bytes of a digest, by algorithm. */
export const digestSizes: Record<HashAlgorithm, number> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64, sm3: 32 }

/**
 * The digest of the data; several pieces count as one message.
 * Throws TpmError for SM3 if the caller passed no function for it, or if that function's result is not 32 bytes.
 *
 * @example
 * hash('sha256', Buffer.from('abc')).toHex().slice(0, 8) // → 'ba7816bf'
 */
export function hash(algorithm: HashAlgorithm, data: Uint8Array | Uint8Array[], hashes: Hashes = {}): Uint8Array {
  if (!Object.hasOwn(digestSizes, algorithm)) throw new TpmError(`unsupported hash ${String(algorithm)}`, { field: 'hash' })
  // Joining the few small pieces that there are costs less than a hash object with an update for each.
  const message = Array.isArray(data) ? Buffer.concat(data) : data
  if (algorithm === 'sm3') return sm3(message, hashes)
  const digest = hashOnce(algorithm, message, 'buffer')
  // Without Buffer's methods, some of which (slice, toString) differ from Uint8Array's.
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength)
}

function sm3(data: Uint8Array, hashes: Hashes): Uint8Array {
  if (hashes.sm3 === undefined) throw new TpmError('unsupported hash sm3: the caller gave no function for it', { field: 'hash' })
  const digest = hashes.sm3(data)
  if (digest.length !== digestSizes.sm3) throw new TpmError(`the given sm3 function returned ${digest.length} bytes`, { field: 'hash' })
  return digest
}
