/** Writing DER (X.690 §10). Each function returns one whole element. Throws DerError for values that have no encoding. */
import { TAG } from './reader.ts'
import { malformed } from './error.ts'

export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0)
  const digits: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | digits.length, ...digits]
  return Buffer.concat([Buffer.from(head), ...contents])
}

export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return encodeDer(TAG.sequence, ...elements)
}

/** A SET OF: elements in the order of their encodings (X.690 §11.6). */
export function setOf(...elements: readonly Uint8Array[]): Buffer {
  return encodeDer(TAG.set, ...elements.toSorted(Buffer.compare))
}

/** [n] EXPLICIT. */
export function explicit(n: number, element: Uint8Array): Buffer {
  return encodeDer(0xa0 + n, element)
}

export function oid(dotted: string): Buffer {
  if (!/^[012](\.(0|[1-9]\d{0,38})){1,62}$/.test(dotted)) throw malformed('object identifier', 'not in dotted form')
  const [top, second, ...rest] = dotted.split('.').map(BigInt) as [bigint, bigint, ...bigint[]]
  if (top < 2n && second > 39n) throw malformed('object identifier', 'second number above 39')
  return encodeDer(TAG.objectIdentifier, ...[top * 40n + second, ...rest].map(base128))
}

export function integer(value: bigint | number): Buffer {
  const number = BigInt(value)
  let bytes = 1
  while (BigInt.asIntN(8 * bytes, number) !== number) bytes++
  const hex = BigInt.asUintN(8 * bytes, number).toString(16)
  return encodeDer(TAG.integer, Buffer.from(hex.padStart(2 * bytes, '0'), 'hex'))
}

/** An INTEGER from the big-endian bytes of an unsigned number, which need not be minimal. */
export function unsigned(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const magnitude = start === -1 ? Buffer.of(0) : bytes.subarray(start)
  return magnitude[0]! >= 0x80 ? encodeDer(TAG.integer, Buffer.of(0), magnitude) : encodeDer(TAG.integer, magnitude)
}

export function boolean(value: boolean): Buffer {
  return encodeDer(TAG.boolean, Buffer.of(value ? 0xff : 0))
}

export function octetString(bytes: Uint8Array): Buffer {
  return encodeDer(TAG.octetString, bytes)
}

/** A BIT STRING of whole bytes. */
export function bitString(bytes: Uint8Array): Buffer {
  return encodeDer(TAG.bitString, Buffer.of(0), bytes)
}

/** A BIT STRING of named bits, given by their numbers, without trailing zeros (X.690 §11.2.2). */
export function namedBits(numbers: readonly number[]): Buffer {
  if (numbers.length === 0) return encodeDer(TAG.bitString, Buffer.of(0))
  const last = Math.max(...numbers)
  const bytes = Buffer.alloc((last >> 3) + 2)
  bytes[0] = 7 - (last & 7)
  for (const n of numbers) bytes[1 + (n >> 3)]! |= 0x80 >> (n & 7)
  return encodeDer(TAG.bitString, bytes)
}

export function nullValue(): Buffer {
  return encodeDer(TAG.null)
}

export function utf8String(text: string): Buffer {
  return encodeDer(TAG.utf8String, Buffer.from(text))
}

/** UTCTime for 1950 to 2049, else GeneralizedTime (RFC 5280 §4.1.2.5); fractions of a second are dropped. */
export function time(date: Date): Buffer {
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw malformed('time', 'no year of four digits')
  const digits = date.toISOString().slice(0, 19).replace(/[-T:]/g, '')
  const short = year >= 1950 && year <= 2049
  return encodeDer(short ? TAG.utcTime : TAG.generalizedTime, Buffer.from(`${short ? digits.slice(2) : digits}Z`))
}

function base128(arc: bigint): Buffer {
  const bytes = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80)
  return Buffer.from(bytes)
}
