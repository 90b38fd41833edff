import { TpmError } from '../error.ts'

/**
 * Reads TPM structures: big-endian, every length checked against what is there before anything is taken (TPM 2.0 Library, Part 1,
 * "Data alignment and endianness"; Part 2, "TPM2B types").
 *
 * Errors are TpmError with the field's name and the offset in the whole input. Byte strings are copies, so a result stays as it was read when the caller's
 * buffer changes.
 *
 * @example
 * const reader = new TpmReader(Buffer.from('000b0002abcd', 'hex'))
 * const found = [reader.u16('algorithm'), reader.sized('digest').toHex(), reader.remaining] // → [0x000b, 'abcd', 0]
 */
export class TpmReader {
  readonly #data: Uint8Array
  readonly #view: DataView
  readonly #base: number
  #offset = 0

  /** `base`: the offset that errors give for the first byte, for a reader over a part of something larger. */
  constructor(data: Uint8Array, base = 0) {
    this.#data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength) // a Buffer's slice would not copy
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    this.#base = base
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#data.length - this.#offset
  }

  /** Where the next byte is, counted from the start of the whole input. */
  get offset(): number {
    return this.#base + this.#offset
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field))
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#take(2, field))
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(4, field))
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field))
  }

  /** A copy of the next `length` bytes. */
  bytes(length: number, field: string): Uint8Array {
    const start = this.#take(length, field)
    return this.#data.slice(start, start + length)
  }

  /** A TPM2B: a 16-bit size and as many bytes, at most `limit` of them. */
  sized(field: string, limit = 0xffff): Uint8Array {
    return this.bytes(this.#size(field, limit), field)
  }

  /** A TPM2B that holds a structure: a reader over exactly its bytes. */
  sizedReader(field: string, limit = 0xffff): TpmReader {
    const length = this.#size(field, limit)
    const start = this.#take(length, field)
    return new TpmReader(this.#data.subarray(start, start + length), this.#base + start)
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining, 'rest')
  }

  /** Refuses bytes after the structure. */
  expectEnd(field: string): void {
    if (this.remaining > 0) throw this.error(field, `${this.remaining} bytes after its end`)
  }

  /** An error that names the field and this place. */
  error(field: string, problem: string): TpmError {
    return new TpmError(`${field}: ${problem}`, { field, offset: this.offset })
  }

  #size(field: string, limit: number): number {
    const length = this.u16(field)
    if (length > limit) throw this.error(field, `${length} bytes are more than the ${limit} allowed`)
    return length
  }

  #take(length: number, field: string): number {
    if (length > this.remaining) throw this.error(field, `needs ${length} bytes, ${this.remaining} are left`)
    const start = this.#offset
    this.#offset += length
    return start
  }
}
