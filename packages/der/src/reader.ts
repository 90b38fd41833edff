/**
 * Reading DER (X.690 §10): definite and minimal lengths, low tag numbers, nothing after the last element. Nothing here recurses, so depth is
 * the decoder's; nothing is copied, so a declared length costs no memory before it is known to be there.
 */
import { malformed } from './error.ts'

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

const MAX_OID_BYTES = 128

export interface DerElement {
  /** The identifier octet; context tags are 0x80 + n, or 0xa0 + n where constructed. */
  tag: number
  /** The contents; a view of the bytes that were read. */
  value: Buffer
  /** With tag and length; a view too. */
  raw: Buffer
}

/** Reads elements one after the other. Every method throws DerError naming the field. */
export class DerReader {
  readonly #bytes: Buffer
  readonly #field: string
  #offset = 0

  constructor(bytes: Uint8Array, field: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#field = field
  }

  /** The identifier octet of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#offset]
  }

  /** The next element, which must have that tag where one is given. */
  read(tag?: number): DerElement {
    const bytes = this.#bytes
    const start = this.#offset
    const found = bytes[start]
    if (found === undefined) throw malformed(this.#field, 'ends too early')
    if (tag !== undefined && found !== tag) throw malformed(this.#field, `expected tag ${hexByte(tag)}, found ${hexByte(found)}`)
    if ((found & 0x1f) === 0x1f) throw malformed(this.#field, 'high tag number')
    const first = bytes[start + 1]
    if (first === undefined) throw malformed(this.#field, 'ends too early')
    let length = first
    let valueStart = start + 2
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0) throw malformed(this.#field, 'indefinite length')
      if (count > 4) throw malformed(this.#field, 'length too large')
      if (valueStart + count > bytes.length) throw malformed(this.#field, 'ends too early')
      length = bytes.readUIntBE(valueStart, count)
      if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)))) throw malformed(this.#field, 'length not minimal')
      valueStart += count
    }
    const end = valueStart + length
    if (end > bytes.length) throw malformed(this.#field, 'declared length exceeds what is there')
    this.#offset = end
    return { tag: found, value: bytes.subarray(valueStart, end), raw: bytes.subarray(start, end) }
  }

  /** The next element if it has that tag. */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined
  }

  /** The elements inside the next one, which must have that tag. */
  enter(tag: number = TAG.sequence, field: string = this.#field): DerReader {
    return new DerReader(this.read(tag).value, field)
  }

  /** Refuses whatever follows. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw malformed(this.#field, 'bytes after the end')
  }
}

/** Reads bytes that consist of one element. Throws DerError. */
export function readDer(bytes: Uint8Array, tag: number, field: string): DerElement {
  const reader = new DerReader(bytes, field)
  const element = reader.read(tag)
  reader.end()
  return element
}

/** Reads the elements of `contents`, at most `max`. Throws DerError. */
export function readElements(contents: Uint8Array, field: string, max = Infinity): DerElement[] {
  const reader = new DerReader(contents, field)
  const elements: DerElement[] = []
  while (reader.nextTag !== undefined) {
    if (elements.length === max) throw malformed(field, `more than ${max} elements`)
    elements.push(reader.read())
  }
  return elements
}

/** Dotted form of an OBJECT IDENTIFIER's contents (X.690 §8.19). Throws DerError. */
export function readOid(value: Uint8Array, field: string): string {
  if (value.length === 0 || value.length > MAX_OID_BYTES) throw malformed(field, 'object identifier empty or too long')
  const arcs: bigint[] = []
  let arc = 0n
  let fresh = true
  for (const byte of value) {
    if (fresh && byte === 0x80) throw malformed(field, 'object identifier not minimal')
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0n
  }
  if (!fresh) throw malformed(field, 'object identifier ends too early')
  const joint = arcs[0]!
  const top = joint < 40n ? 0n : joint < 80n ? 1n : 2n
  return [top, joint - top * 40n, ...arcs.slice(1)].join('.')
}

/** An INTEGER's contents, two's complement and minimal (X.690 §8.3). Throws DerError for more than `maxBytes`. */
export function readInteger(value: Uint8Array, field: string, maxBytes = 64): bigint {
  const [first, second] = value
  if (first === undefined) throw malformed(field, 'integer empty')
  if (value.length > maxBytes) throw malformed(field, `integer longer than ${maxBytes} bytes`)
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw malformed(field, 'integer not minimal')
  return BigInt.asIntN(8 * value.length, BigInt(`0x${value.toHex()}`))
}

/** The big-endian bytes of a non-negative INTEGER's contents, without the leading zero that keeps it from being negative. Throws DerError. */
export function readUnsigned(value: Uint8Array, field: string): Uint8Array {
  const [first, second] = value
  if (first === undefined) throw malformed(field, 'integer empty')
  if (first >= 0x80) throw malformed(field, 'integer negative')
  if (first === 0 && second !== undefined && second < 0x80) throw malformed(field, 'integer not minimal')
  return first === 0 && second !== undefined ? value.subarray(1) : value
}

/** A non-negative INTEGER's contents of at most 2^31-1. Throws DerError. */
export function readSmallInteger(value: Uint8Array, field: string): number {
  const number = readInteger(value, field, 5)
  if (number < 0n || number > 0x7fffffffn) throw malformed(field, 'integer out of range')
  return Number(number)
}

export function readBoolean(value: Uint8Array, field: string): boolean {
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) throw malformed(field, 'boolean is neither 00 nor FF')
  return value[0] === 0xff
}

/** A BIT STRING's contents: the bits, left-aligned, and the number of unused bits in the last byte, which must be zero. Throws DerError. */
export function readBitString(value: Buffer, field: string): { bits: Buffer; unused: number } {
  const unused = value[0]
  const last = value.at(-1)
  if (unused === undefined || last === undefined || unused > 7 || (value.length === 1 && unused > 0))
    throw malformed(field, 'bit string malformed')
  if (value.length > 1 && (last & ((1 << unused) - 1)) !== 0) throw malformed(field, 'bit string with unused bits set')
  return { bits: value.subarray(1), unused }
}

/** A BIT STRING of whole bytes, as signatures and keys are. Throws DerError. */
export function readOctetAlignedBits(value: Buffer, field: string): Buffer {
  const { bits, unused } = readBitString(value, field)
  if (unused !== 0) throw malformed(field, 'bit string not of whole bytes')
  return bits
}

/** UTCTime (years 1950 to 2049) or GeneralizedTime, both to the second and in Z (RFC 5280 §4.1.2.5). Throws DerError. */
export function readTime({ tag, value }: DerElement, field: string): Date {
  if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw malformed(field, 'not a time')
  const text = value.toString('latin1')
  if (!(tag === TAG.utcTime ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) throw malformed(field, 'time not to the second and in Z')
  const digits = (tag === TAG.generalizedTime ? '' : text < '5' ? '20' : '19') + text
  const part = (start: number, end = start + 2): string => digits.slice(start, end)
  const iso = `${part(0, 4)}-${part(4)}-${part(6)}T${part(8)}:${part(10)}:${part(12)}.000Z`
  const time = new Date(iso)
  // A Date accepts the 31st of any month; the round trip doesn't.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) throw malformed(field, 'no such time')
  return time
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
