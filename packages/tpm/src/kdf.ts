import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes, hash } from './hash.ts'
import { TpmWriter } from './structures/writer.ts'

const BLOCK_SIZES: Record<HashAlgorithm, number> = { sha1: 64, sha256: 64, sha384: 128, sha512: 128, sm3: 64 }
const MAX_BITS = 0xffff

/**
 * HMAC (FIPS 198-1; TPM 2.0 Library, Part 1, §11.4.3) with any hash of a TPM, SM3 included when the caller has it.
 *
 * @example
 * hmac('sha256', Buffer.from('key'), Buffer.from('text')).toHex() === createHmac('sha256', 'key').update('text').digest('hex') // → true
 */
export function hmac(algorithm: HashAlgorithm, key: Uint8Array, data: Uint8Array | Uint8Array[], hashes?: Hashes): Uint8Array {
  const block = new Uint8Array(BLOCK_SIZES[algorithm])
  block.set(key.length > block.length ? hash(algorithm, key, hashes) : key)
  const inner = hash(algorithm, [block.map((byte) => byte ^ 0x36), ...(Array.isArray(data) ? data : [data])], hashes)
  return hash(algorithm, [block.map((byte) => byte ^ 0x5c), inner], hashes)
}

/**
 * KDFa: SP 800-108 in counter mode with HMAC (Part 1, §11.4.10.2). `label` is text without its final zero; `bits`: of the result, whose first byte has the
 * bits beyond a multiple of eight clear.
 *
 * @example
 * kdfa('sha256', new Uint8Array(32), 'STORAGE', new Uint8Array(), new Uint8Array(), 128).length // → 16
 */
export function kdfa(
  algorithm: HashAlgorithm,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
  hashes?: Hashes,
): Uint8Array {
  const message = (counter: number) => [number32(counter), labelBytes(label), contextU, contextV, number32(bits)]
  return derive(algorithm, bits, (counter) => hmac(algorithm, key, message(counter), hashes))
}

/**
 * KDFe: SP 800-56A's concatenation KDF (Part 1, §11.4.10.3); `z`, `partyU` and `partyV` are x-coordinates of the curve's size.
 *
 * @example
 * kdfe('sha256', new Uint8Array(32), 'IDENTITY', new Uint8Array(32), new Uint8Array(32), 256).length // → 32
 */
export function kdfe(
  algorithm: HashAlgorithm,
  z: Uint8Array,
  label: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
  hashes?: Hashes,
): Uint8Array {
  return derive(algorithm, bits, (counter) => hash(algorithm, [number32(counter), z, labelBytes(label), partyU, partyV], hashes))
}

function derive(algorithm: HashAlgorithm, bits: number, block: (counter: number) => Uint8Array): Uint8Array {
  if (!Number.isInteger(bits) || bits < 1 || bits > MAX_BITS) throw new TpmError(`bits: ${bits} cannot be derived`, { field: 'bits' })
  const size = Math.ceil(bits / 8)
  const blocks = Array.from({ length: Math.ceil(size / digestSizes[algorithm]) }, (_, i) => block(i + 1))
  const result = new Uint8Array(Buffer.concat(blocks)).slice(0, size)
  if (bits % 8 > 0) result[0]! &= (1 << (bits % 8)) - 1
  return result
}

function labelBytes(label: string): Uint8Array {
  return Buffer.from(`${label}\0`)
}

function number32(value: number): Uint8Array {
  return new TpmWriter().u32(value).finish()
}
