// Encoding the fields of payloads, checked where the wire would accept or alter a wrong value, and decoding results.
import { notAnAnswer } from './exchange.ts'

/** Standard base64. Throws TypeError if the caller passed anything but bytes, a string in particular. */
export function base64(name: string, bytes: Uint8Array): string {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Text as it is. Throws TypeError for anything else, and for lone surrogates, which have no UTF-8 and would arrive as something else. */
export function text(name: string, value: string): string {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
  if (/\p{Surrogate}/u.test(value)) throw new TypeError(`${name} must be well-formed Unicode`)
  return value
}

/** `{ aad }` in base64, or nothing. */
export function aadField(options: { aad?: Uint8Array } | undefined): { aad?: string } {
  return options?.aad === undefined ? {} : { aad: base64('aad', options.aad) }
}

/** A text field of a result. Throws VouchsafeConnectionError when the server didn't send it. */
export function textField(action: string, result: Record<string, unknown>, name: string): string {
  const value = result[name]
  if (typeof value !== 'string') throw notAnAnswer(action, `the result has no ${name}`)
  return value
}

/** A binary field of a result, as bytes that share memory with nothing else. */
export function bytesField(action: string, result: Record<string, unknown>, name: string): Uint8Array {
  return new Uint8Array(Buffer.from(textField(action, result, name), 'base64'))
}

/** A number of a result. Throws VouchsafeConnectionError when the server didn't send it. */
export function numberField(action: string, result: Record<string, unknown>, name: string): number {
  const value = result[name]
  if (typeof value !== 'number') throw notAnAnswer(action, `the result has no ${name}`)
  return value
}

/** An object of a result. Throws VouchsafeConnectionError when the server didn't send one. */
export function objectField(action: string, result: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = result[name]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnAnswer(action, `the result has no ${name}`)
  return value as Record<string, unknown>
}

/** A list of a result, whose entries are the server's word. Throws VouchsafeConnectionError when the server didn't send one. */
export function listField<T>(action: string, result: Record<string, unknown>, name: string): T[] {
  const value = result[name]
  if (!Array.isArray(value)) throw notAnAnswer(action, `the result has no ${name}`)
  return value as T[]
}
