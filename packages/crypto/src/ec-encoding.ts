/** DER (X.690) of elliptic-curve signatures and SM2 ciphertexts. */
import { DerError, DerReader, readDer, readUnsigned, TAG } from '@vouchsafe/der'
import { octetString, sequence, unsigned } from '@vouchsafe/der/writer'

/** The next INTEGER, which must be positive, left-padded to `width` bytes. */
function readPositive(reader: DerReader, width: number, field: string): Uint8Array {
  const magnitude = readUnsigned(reader.read(TAG.integer).value, field)
  if (magnitude.length > width || (magnitude.length === 1 && magnitude[0] === 0)) throw new DerError(`${field}: integer zero or too large`)
  const padded = new Uint8Array(width)
  padded.set(magnitude, width - magnitude.length)
  return padded
}

/** Undefined where the bytes are not what `read` reads. */
function tryRead<T>(read: () => T | undefined): T | undefined {
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
    const reader = new DerReader(readDer(der, TAG.sequence, 'signature').value, 'signature')
    const compact = new Uint8Array(2 * width)
    compact.set(readPositive(reader, width, 'r'), 0)
    compact.set(readPositive(reader, width, 's'), width)
    reader.end()
    return compact
  })
}

/** DER of SEQUENCE { r INTEGER, s INTEGER } from `r ‖ s` of equal widths. */
export function encodeSignature(compact: Uint8Array): Buffer {
  const width = compact.length / 2
  return sequence(unsigned(compact.subarray(0, width)), unsigned(compact.subarray(width)))
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
    const reader = new DerReader(der, 'SM2 ciphertext').enter()
    const c1 = new Uint8Array(64)
    c1.set(readPositive(reader, 32, 'x'), 0)
    c1.set(readPositive(reader, 32, 'y'), 32)
    const { value: c3 } = reader.read(TAG.octetString)
    const { value: c2 } = reader.read(TAG.octetString)
    reader.end()
    return c3.length === 32 && c2.length > 0 ? { c1, c3, c2 } : undefined
  })
}

/** DER of an SM2 ciphertext, exactly as long as it is. */
export function encodeSm2Ciphertext({ c1, c3, c2 }: Sm2Ciphertext): Buffer {
  return sequence(unsigned(c1.subarray(0, 32)), unsigned(c1.subarray(32)), octetString(c3), octetString(c2))
}
