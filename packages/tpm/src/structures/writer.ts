import { TpmError } from '../error.ts'

/**
 * Writes TPM structures: big-endian; the counterpart of TpmReader. A value that doesn't fit its field is a TpmError, never cut.
 *
 * @example
 * new TpmWriter().u16(0x000b).sized(Buffer.from('abcd', 'hex')).finish().toHex() // → '000b0002abcd'
 */
export class TpmWriter {
  readonly #parts: Uint8Array[] = []

  u8(value: number, field = 'u8'): this {
    return this.#number(value, 1, field)
  }

  u16(value: number, field = 'u16'): this {
    return this.#number(value, 2, field)
  }

  u32(value: number, field = 'u32'): this {
    return this.#number(value, 4, field)
  }

  u64(value: bigint, field = 'u64'): this {
    if (value < 0n || value > 0xffffffffffffffffn) throw new TpmError(`${field}: ${value} does not fit 8 bytes`, { field })
    const part = new Uint8Array(8)
    new DataView(part.buffer).setBigUint64(0, value)
    this.#parts.push(part)
    return this
  }

  /** The bytes as they are, copied when `finish` is called. */
  bytes(value: Uint8Array): this {
    this.#parts.push(value)
    return this
  }

  /** A TPM2B: a 16-bit size and the bytes. */
  sized(value: Uint8Array, field = 'TPM2B'): this {
    return this.u16(value.length, field).bytes(value)
  }

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts))
  }

  #number(value: number, size: 1 | 2 | 4, field: string): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size))
      throw new TpmError(`${field}: ${value} does not fit ${size} bytes`, { field })
    const part = new Uint8Array(size)
    const view = new DataView(part.buffer)
    if (size === 1) view.setUint8(0, value)
    else if (size === 2) view.setUint16(0, value)
    else view.setUint32(0, value)
    this.#parts.push(part)
    return this
  }
}
