/** What every format here needs of bytes and texts, strict: one encoding for each value. */
import { LogFormatError } from './errors.ts'

// A byte order mark is a character like others: left out, two texts would be one.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** @throws {LogFormatError} for bytes that are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array, field: string): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new LogFormatError(field, 'is not UTF-8')
  }
}

/** A text of at most `limit` bytes, given as text or as its UTF-8 bytes. */
export function readText(input: Uint8Array | string, limit: number, field: string): string {
  if (input.length > limit) throw new LogFormatError(field, `is longer than ${limit} bytes`)
  if (typeof input !== 'string') return decodeUtf8(input, field)
  if (!input.isWellFormed()) throw new LogFormatError(field, 'is not Unicode')
  return input
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export function encodeBase64(bytes: Uint8Array): string {
  // A subclass may have a method of the same name that does something else.
  return Uint8Array.prototype.toBase64.call(bytes)
}

/**
 * Base64 of RFC 4648, section 4, with padding and zero trailing bits; no white space.
 * @throws {LogFormatError}
 */
export function decodeBase64(text: string, field: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch {
    throw new LogFormatError(field, 'is not base64')
  }
  if (encodeBase64(bytes) !== text) throw new LogFormatError(field, 'is not base64 in its one encoding')
  return bytes
}

/**
 * A SHA-256 hash in base64.
 * @throws {LogFormatError}
 */
export function decodeHash(text: string, field: string): Uint8Array {
  if (text.length !== 44) throw new LogFormatError(field, 'is not a hash in base64')
  return decodeBase64(text, field)
}

/**
 * A decimal number without leading zeros, at most 2^53 − 1.
 * @throws {LogFormatError}
 */
export function decodeDecimal(text: string, field: string): number {
  const value = /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(value)) throw new LogFormatError(field, 'is not a decimal number without leading zeros')
  return value
}

/** @throws {RangeError} for what is no count of leaves, and no index of one */
export function requireCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${what} is not a whole number from 0 to 2^53 - 1: ${value}`)
}
