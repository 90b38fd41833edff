/** DER: reading elements of foreign bytes. Lengths are checked before anything is taken, and depth is the caller's. */
import { failure } from './types.ts'

export interface Element {
  tag: number
  /** The contents. */
  body: Buffer
  /** With tag and length. */
  raw: Buffer
}

/** The element at the start of `bytes`. Throws BuiltinError. */
export function readElement(bytes: Buffer): Element {
  const tag = bytes[0]
  let length = bytes[1]
  if (tag === undefined || length === undefined) throw malformed()
  let at = 2
  if (length >= 0x80) {
    const count = length - 0x80
    if (count === 0 || count > 4 || bytes.length < 2 + count) throw malformed()
    length = bytes.readUIntBE(2, count)
    at += count
  }
  if (bytes.length < at + length) throw malformed()
  return { tag, body: bytes.subarray(at, at + length), raw: bytes.subarray(0, at + length) }
}

function malformed(): Error {
  return failure('asn1: structure error')
}

/** Elements of a constructed one. */
export function children(body: Buffer): Element[] {
  const found: Element[] = []
  for (let rest = body; rest.length > 0;) {
    const element = readElement(rest)
    found.push(element)
    rest = rest.subarray(element.raw.length)
  }
  return found
}

export function expectTag(element: Element | undefined, tag: number): Element {
  if (element?.tag !== tag) throw malformed()
  return element
}

export function sequence(element: Element | undefined): Element[] {
  return children(expectTag(element, 0x30).body)
}

/** The numbers of an object identifier. */
export function oid(body: Buffer): number[] {
  const numbers: number[] = []
  let value = 0
  for (const byte of body) {
    value = value * 128 + (byte & 0x7f)
    if (value > Number.MAX_SAFE_INTEGER / 128) throw malformed()
    if (byte & 0x80) continue
    if (numbers.length === 0) {
      const first = Math.min(2, Math.floor(value / 40))
      numbers.push(first, value - first * 40)
    } else numbers.push(value)
    value = 0
  }
  return numbers
}

/** A two's complement integer. */
export function integer(body: Buffer): bigint {
  if (body.length === 0) throw malformed()
  const value = BigInt(`0x${body.toString('hex')}`)
  return body[0]! & 0x80 ? value - (1n << BigInt(body.length * 8)) : value
}

/** Bits of a BIT STRING, without the count of unused ones. */
export function bitString(element: Element | undefined): Buffer {
  return expectTag(element, 0x03).body.subarray(1)
}

/** Text of any string type. */
export function text({ tag, body }: Element): string {
  if (tag === 0x1e)
    return Buffer.from(body.subarray(0, body.length & ~1))
      .swap16()
      .toString('utf16le')
  return body.toString(tag === 0x14 ? 'latin1' : 'utf8')
}

/** RFC 3339 of a UTCTime or GeneralizedTime. */
export function time({ tag, body }: Element): string {
  const digits = body.toString('latin1')
  const full = tag === 0x17 ? `${Number(digits.slice(0, 2)) >= 50 ? '19' : '20'}${digits}` : digits
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?Z$/.exec(full)
  if (!match) throw malformed()
  const [, year, month, day, hour, minute, second = '00'] = match
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`
}
