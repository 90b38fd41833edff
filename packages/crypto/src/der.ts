/**
 * The little DER (X.690) that signatures, SM2 ciphertexts and key encodings need. Strict: definite and minimal lengths, minimal
 * positive integers. Readers throw `DerError` inside this package only; its callers turn that into their own answer.
 */

export const TAG = { integer: 0x02, bitString: 0x03, octetString: 0x04, objectIdentifier: 0x06, sequence: 0x30 } as const

export class DerError extends Error {}

export interface DerElement {
  value: Uint8Array
  /** Offset of the first byte after the element. */
  end: number
}

/** The element at `offset`, which must have tag `tag` and lie wholly inside `bytes`. Lengths above 65535 are refused. */
export function readElement(bytes: Uint8Array, offset: number, tag: number): DerElement {
  if (bytes[offset] !== tag) throw new DerError('unexpected tag')
  const first = bytes[offset + 1] ?? NaN
  let length = first
  let start = offset + 2
  if (first === 0x81) {
    length = bytes[offset + 2] ?? NaN
    start = offset + 3
    if (length < 0x80) throw new DerError('length not minimal')
  } else if (first === 0x82) {
    length = (bytes[offset + 2] ?? NaN) * 256 + (bytes[offset + 3] ?? NaN)
    start = offset + 4
    if (length < 0x100) throw new DerError('length not minimal')
  } else if (!(first < 0x80)) {
    throw new DerError('length form not supported')
  }
  const end = start + length
  if (!(end <= bytes.length)) throw new DerError('element truncated')
  return { value: bytes.subarray(start, end), end }
}

/** The positive INTEGER at `offset`, left-padded to `width` bytes. Zero, negative, padded and longer ones are refused. */
function readPositiveInteger(bytes: Uint8Array, offset: number, width: number): DerElement {
  const { value, end } = readElement(bytes, offset, TAG.integer)
  const first = value[0]
  if (first === undefined || first >= 0x80) throw new DerError('integer empty or negative')
  if (first === 0 && !((value[1] ?? 0) >= 0x80)) throw new DerError('integer zero or not minimal')
  const magnitude = first === 0 ? value.subarray(1) : value
  if (magnitude.length > width) throw new DerError('integer too large')
  const padded = new Uint8Array(width)
  padded.set(magnitude, width - magnitude.length)
  return { value: padded, end }
}

/** Runs a reader; undefined where the bytes are not what it reads. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

/**
 * `r ‖ s`, each `width` bytes, from SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 §2.2.3); undefined unless it is exactly that, with
 * nothing after it. Whether r and s are below the group's order is the curve's to say.
 */
export function parseSignature(der: Uint8Array, width: number): Uint8Array | undefined {
  return tryRead(() => {
    const { value: body, end } = readElement(der, 0, TAG.sequence)
    const r = readPositiveInteger(body, 0, width)
    const s = readPositiveInteger(body, r.end, width)
    if (end !== der.length || s.end !== body.length) throw new DerError('trailing bytes')
    const compact = new Uint8Array(2 * width)
    compact.set(r.value, 0)
    compact.set(s.value, width)
    return compact
  })
}

/** DER of SEQUENCE { r INTEGER, s INTEGER } from `r ‖ s` of equal widths. */
export function encodeSignature(compact: Uint8Array): Buffer {
  const width = compact.length / 2
  return encodeElement(TAG.sequence, Buffer.concat([encodeInteger(compact.subarray(0, width)), encodeInteger(compact.subarray(width))]))
}

/** The parts of an SM2 ciphertext: C1 = x ‖ y, C3 = hash, C2 = ciphertext. */
export interface Sm2Ciphertext {
  c1: Uint8Array
  c3: Uint8Array
  c2: Uint8Array
}

/**
 * The parts of SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING(32), ciphertext OCTET STRING } (GM/T 0009 §7.2); undefined where
 * malformed. Bytes after the SEQUENCE are ignored: existing servers return their ciphertexts in an upper-bound buffer.
 */
export function parseSm2Ciphertext(der: Uint8Array): Sm2Ciphertext | undefined {
  return tryRead(() => {
    const { value: body } = readElement(der, 0, TAG.sequence)
    const x = readPositiveInteger(body, 0, 32)
    const y = readPositiveInteger(body, x.end, 32)
    const hash = readElement(body, y.end, TAG.octetString)
    const ciphertext = readElement(body, hash.end, TAG.octetString)
    if (ciphertext.end !== body.length || hash.value.length !== 32 || ciphertext.value.length === 0)
      throw new DerError('not an SM2 ciphertext')
    const c1 = new Uint8Array(64)
    c1.set(x.value, 0)
    c1.set(y.value, 32)
    return { c1, c3: hash.value, c2: ciphertext.value }
  })
}

/** DER of an SM2 ciphertext, exactly as long as it is. */
export function encodeSm2Ciphertext({ c1, c3, c2 }: Sm2Ciphertext): Buffer {
  const point = [encodeInteger(c1.subarray(0, 32)), encodeInteger(c1.subarray(32))]
  return encodeElement(TAG.sequence, Buffer.concat([...point, encodeElement(TAG.octetString, c3), encodeElement(TAG.octetString, c2)]))
}

/** One element; contents of up to 65535 bytes. */
export function encodeElement(tag: number, value: Uint8Array): Buffer {
  const n = value.length
  const head = n < 0x80 ? [tag, n] : n < 0x100 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 0xff]
  return Buffer.concat([Buffer.from(head), value])
}

/** A big-endian unsigned number as a minimal INTEGER. */
function encodeInteger(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const magnitude = bytes.subarray(start)
  return encodeElement(TAG.integer, (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude)
}
