import { TpmError } from '../error.ts'
import { parseWhole } from './parse.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

/** The most bytes that a TPM2B_DIGEST holds: the largest hash, SHA-512. */
export const DIGEST_LIMIT = 64

/** The most bytes of a TPM2B_NAME or TPM2B_DATA: a hash's identifier and its digest, TPMT_HA (Part 2, §10.4.3 and §10.5.3). */
export const HASHED_LIMIT = DIGEST_LIMIT + 2

/**
 * The contents of a TPM2B of any kind, which must be all of the bytes.
 *
 * @example
 * parseSized(Buffer.from('0002abcd', 'hex')).toHex() // → 'abcd'
 */
export function parseSized(bytes: Uint8Array, field = 'TPM2B'): Uint8Array {
  return parseWhole(bytes, field, (reader) => reader.sized(field))
}

/**
 * A TPM2B: the size in 16 bits and the bytes.
 *
 * @example
 * encodeSized(Buffer.from('abcd', 'hex')).toHex() // → '0002abcd'
 */
export function encodeSized(bytes: Uint8Array, field = 'TPM2B'): Uint8Array {
  return new TpmWriter().sized(bytes, field).finish()
}

/**
 * Reads a TPM2B_DIGEST (Part 2, §10.4.2).
 *
 * @example
 * readDigest(new TpmReader(Buffer.from('0002abcd', 'hex')), 'digest').toHex() // → 'abcd'
 */
export function readDigest(reader: TpmReader, field: string): Uint8Array {
  return reader.sized(field, DIGEST_LIMIT)
}

/**
 * Reads a TPML_DIGEST (Part 2, §10.9.5).
 *
 * @example
 * readDigestList(new TpmReader(encodeDigestList([new Uint8Array(32)]))).length // → 1
 */
export function readDigestList(reader: TpmReader): Uint8Array[] {
  const count = reader.u32('digest count')
  if (count > reader.remaining / 2) throw reader.error('digest count', `${count} digests do not fit the ${reader.remaining} bytes left`)
  return Array.from({ length: count }, (_, i) => readDigest(reader, `digest ${i}`))
}

/**
 * TPML_DIGEST that is all of the bytes.
 *
 * @example
 * parseDigestList(encodeDigestList([new Uint8Array(32), new Uint8Array(20)])).map(({ length }) => length) // → [32, 20]
 */
export function parseDigestList(bytes: Uint8Array): Uint8Array[] {
  return parseWhole(bytes, 'TPML_DIGEST', readDigestList)
}

/**
 * The bytes of a TPML_DIGEST.
 *
 * @example
 * encodeDigestList([Buffer.from('abcd', 'hex')]).toHex() // → '000000010002abcd'
 */
export function encodeDigestList(digests: readonly Uint8Array[]): Uint8Array {
  const writer = new TpmWriter().u32(digests.length, 'digest count')
  for (const [i, digest] of digests.entries()) {
    if (digest.length > DIGEST_LIMIT)
      throw new TpmError(`digest ${i}: ${digest.length} bytes, a digest has at most ${DIGEST_LIMIT}`, { field: `digest ${i}` })
    writer.sized(digest)
  }
  return writer.finish()
}
