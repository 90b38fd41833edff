/** Serial numbers as text: lower-case hex of whole bytes without a leading zero byte, `0` for zero (as OpenSSL prints them). */
import { randomBytes } from 'node:crypto'
import { malformed } from './errors.ts'

const MAX_BYTES = 33

/**
 * From an INTEGER's contents, minimal and not negative. RFC 5280 §4.1.2.2 allows 20 bytes, positive; certificates in use have up to
 * 32, and zero. Without big integers, since a CRL may have a million. Throws X509Error.
 */
export function serialHex(value: Buffer, field: string): string {
  const first = value[0]
  if (first === undefined || value.length > MAX_BYTES) throw malformed(field, `serial number empty or longer than ${MAX_BYTES} bytes`)
  if (first >= 0x80) throw malformed(field, 'serial number negative')
  if (first !== 0) return value.toString('hex')
  if (value.length === 1) return '0'
  if (value[1]! < 0x80) throw malformed(field, 'serial number not minimal')
  return value.toString('hex', 1)
}

/** The number of a serial in hex. Throws X509Error for more than 20 bytes, zero and what isn't hex. */
export function serialFromHex(hex: string): bigint {
  const number = /^[0-9a-f]{1,40}$/i.test(hex) ? BigInt(`0x${hex}`) : 0n
  if (number === 0n || number >= 1n << 159n) throw malformed('serial number', 'not the hex of a positive number of at most 20 bytes')
  return number
}

/**
 * Draws a random serial number of 127 bits, never zero.
 *
 * @example
 * randomSerial().length // → 32
 */
export function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}
