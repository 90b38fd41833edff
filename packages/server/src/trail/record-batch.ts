import { GrowingTree } from './growing-tree.ts'

const INITIAL_BYTES = 64 * 1024
/** Lines that are hashed one after the other: by itself, between other work, a hash takes several times as long. */
const HASHED_AT_ONCE = 64
/** Rooms up to this length are used again. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024
/** What of a line names its batch; within a text of the line its quotes would be escaped. */
const BATCH_NAME = /,"seq":\d+,"server":"[^"]*",/g

/** The records of one batch while they come: their lines, in bytes at once so that nothing of a call stays in the heap, and the tree over them. */
export class RecordBatch {
  readonly writer: string
  readonly seq: number
  readonly #name: string
  readonly #tree = new GrowingTree()
  #room: Buffer
  /** The tree needs a byte before the first line. */
  #length = 1
  /** Where the lines end that the tree lacks, and where the first of them starts. */
  readonly #ends: number[] = []
  #hashed = 1

  /** @param room of an earlier batch, whose lines are written */
  constructor(writer: string, seq: number, room: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)) {
    this.writer = writer
    this.seq = seq
    this.#name = `,"seq":${seq},"server":"${writer}",`
    this.#room = room
  }

  get count(): number {
    return this.#tree.size + this.#ends.length
  }

  get bytes(): number {
    return this.#length - 1
  }

  /** The record's canonical JSON before and after the name of its batch, and the line's end. */
  add(before: string, after: string): void {
    this.#addLine(before + this.#name + after)
  }

  /** Takes over all lines of another batch, which its name follows no more. */
  takeOver({ lines }: RecordBatch): void {
    const text = lines.toString().replaceAll(BATCH_NAME, this.#name)
    for (let start = 0; start < text.length;) {
      const end = text.indexOf('\n', start) + 1
      this.#addLine(text.slice(start, end))
      start = end
    }
  }

  /** All lines, each with its end. */
  get lines(): Buffer {
    return this.#room.subarray(1, this.#length)
  }

  /** The root of the records' tree in base64; nothing may be added afterwards. */
  root(): string {
    this.#hash()
    return Buffer.from(this.#tree.root()!).toString('base64')
  }

  /** The room for another batch, once the lines are written; undefined for one that is better given back. */
  release(): Buffer | undefined {
    return this.#room.length <= MAX_KEPT_BYTES ? this.#room : undefined
  }

  #addLine(line: string): void {
    // No UTF-16 unit becomes more than three bytes.
    const room = this.#reserve(3 * line.length)
    this.#length += room.write(line, this.#length)
    if (this.#ends.push(this.#length) === HASHED_AT_ONCE) this.#hash()
  }

  #hash(): void {
    for (const end of this.#ends) {
      this.#tree.add(this.#room, this.#hashed, end - 1)
      this.#hashed = end
    }
    this.#ends.length = 0
  }

  #reserve(length: number): Buffer {
    const needed = this.#length + length
    if (needed > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed)
      this.#room.copy(larger, 0, 0, this.#length)
      this.#room = larger
    }
    return this.#room
  }
}
