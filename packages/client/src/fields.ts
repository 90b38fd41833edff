// Binary fields between bytes and the wire's base64, and the reading of results.
import { notAnAnswer } from './exchange.ts'

/** Standard base64. Throws TypeError when the caller gave something else than bytes, a string above all. */
export function base64(name: string, bytes: Uint8Array): string {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
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
