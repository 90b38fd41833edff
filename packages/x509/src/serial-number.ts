/** Serial numbers as text: lower-case hex of whole bytes without a leading zero byte, `0` for zero (as OpenSSL prints them). */
import { randomBytes } from 'node:crypto'
import { readInteger } from './der.ts'
import { malformed } from './errors.ts'

const MAX_BYTES = 33

/** From an INTEGER's contents. RFC 5280 §4.1.2.2 allows 20 bytes, positive; up to 32 and zero are met in the wild. Throws X509Error. */
export function serialHex(value: Uint8Array, field: string): string {
  const number = readInteger(value, field, MAX_BYTES)
  if (number < 0n) throw malformed(field, 'serial number negative')
  const hex = number.toString(16)
  return hex === '0' || hex.length % 2 === 0 ? hex : `0${hex}`
}

/** The number of a serial in hex. Throws X509Error for more than 20 bytes, zero and what isn't hex. */
export function serialFromHex(hex: string): bigint {
  const number = /^[0-9a-f]{1,40}$/i.test(hex) ? BigInt(`0x${hex}`) : 0n
  if (number === 0n || number >= 1n << 159n) throw malformed('serial number', 'not the hex of a positive number of at most 20 bytes')
  return number
}

/** 127 random bits, never zero. */
export function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}
