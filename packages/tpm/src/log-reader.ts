import { TpmError } from './error.ts'

/**
 * Reads the little-endian fields of measurement logs (TCG boot event logs, IMA) and of the UEFI structures inside them. Every read checks what is left
 * before it takes anything, so a declared length can't make us allocate or run past the end. Throws TpmError with the field's name and its offset.
 */
export class LogReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #base: number
  #position = 0

  /** `base` is where `bytes` begins in the whole log, for the offsets in errors. */
  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) // a Buffer's views would be Buffers
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#base = base
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position
  }

  /** Where the next byte stands in the whole log. */
  get offset(): number {
    return this.#base + this.#position
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field))
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#take(2, field), true)
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(4, field), true)
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field), true)
  }

  /** A view on the next bytes, not a copy. The length may be a 64-bit one. */
  bytes(length: number | bigint, field: string): Uint8Array {
    const start = this.#take(length, field)
    return this.#bytes.subarray(start, this.#position)
  }

  /** A view on all that is left. */
  rest(): Uint8Array {
    const start = this.#position
    this.#position = this.#bytes.length
    return this.#bytes.subarray(start)
  }

  /** A reader of the next bytes, whose errors tell offsets in the whole log. */
  part(length: number | bigint, field: string): LogReader {
    const base = this.offset
    return new LogReader(this.bytes(length, field), base)
  }

  /** Throws when something is left. */
  expectEnd(field: string): void {
    if (this.remaining > 0) throw new TpmError(`${field}: ${this.remaining} bytes too many`, { field, offset: this.offset })
  }

  #take(length: number | bigint, field: string): number {
    if (length > this.remaining || length < 0) {
      throw new TpmError(`${field}: ${length} bytes expected, ${this.remaining} left`, { field, offset: this.offset })
    }
    const start = this.#position
    this.#position += Number(length)
    return start
  }
}
