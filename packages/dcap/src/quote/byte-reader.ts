import { QuoteError } from '../errors.ts'

/** Reads little-endian fields in order. What lies beyond the end throws QuoteError with the field's name; nothing is copied. */
export class ByteReader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number, field: string): Buffer {
    if (length > this.remaining) throw new QuoteError(field, `${length} bytes expected, ${this.remaining} left`)
    const start = this.#offset
    this.#offset += length
    return this.#bytes.subarray(start, this.#offset)
  }

  u16(field: string): number {
    return this.bytes(2, field).readUInt16LE(0)
  }

  u32(field: string): number {
    return this.bytes(4, field).readUInt32LE(0)
  }
}
