import { SharedHeap } from '../foundation/index.ts'

const INITIAL_WORDS = 16
/** Slots in use before the table doubles. */
const MAX_LOAD = 0.75

/** Words of a set's cell: its block, 0 if it has none; and its size. */
const BLOCK = 0
const SIZE = 1

/**
 * Sets of 64-bit fingerprints (two 32-bit halves), each a table in a shared heap: open addressing, no deletion. One object stands for any of
 * them, for whichever `cell` names. A critical section that is cut off leaves at most one slot with half of a fingerprint, and a size that is
 * one too large.
 */
export class FingerprintSet {
  readonly #heap: SharedHeap
  readonly #words: Int32Array
  /** The first word of the set's cell: two words that hold its block and its size. */
  cell: number

  constructor(heap: SharedHeap, cell = 0) {
    this.#heap = heap
    this.#words = heap.words
    this.cell = cell
  }

  /** Makes it an empty set; false if there is no memory. Before that, and after `close`, its block is 0. */
  open(): boolean {
    const block = this.#heap.allocate(SharedHeap.orderFor(INITIAL_WORDS))
    if (block === 0) return false
    this.#words[this.cell + SIZE] = 0
    this.#words[this.cell + BLOCK] = block
    return true
  }

  get bytes(): number {
    return 4 * SharedHeap.wordsIn(this.#words[this.cell + BLOCK]!)
  }

  get size(): number {
    return this.#words[this.cell + SIZE]!
  }

  /** Adds a fingerprint; returns false if it is present already, undefined if there is no memory for it. */
  add(high: number, low: number): boolean | undefined {
    const words = this.#words
    const { cell } = this
    const left = high | 0
    // The pair of zeros marks a free slot.
    const right = left === 0 && (low | 0) === 0 ? 1 : low | 0
    let slot = this.#slotOf(left, right)
    if (words[slot] !== 0 || words[slot + 1] !== 0) return false
    const size = words[cell + SIZE]! + 1
    if (size > (SharedHeap.wordsIn(words[cell + BLOCK]!) >> 1) * MAX_LOAD) {
      if (!this.#grow()) return undefined
      slot = this.#slotOf(left, right)
    }
    words[cell + SIZE] = size
    words[slot] = left
    words[slot + 1] = right
    return true
  }

  /** Every fingerprint, as high half and low half in turn, in no particular order. */
  values(): Uint32Array {
    const block = this.#words[this.cell + BLOCK]!
    const start = this.#heap.wordOf(block)
    const values = new Uint32Array(2 * this.size)
    let at = 0
    for (let i = start; i < start + SharedHeap.wordsIn(block); i += 2) {
      const [high, low] = [this.#words[i]!, this.#words[i + 1]!]
      if (high === 0 && low === 0) continue
      values[at++] = high
      values[at++] = low
    }
    return values.subarray(0, at)
  }

  #slotOf(high: number, low: number): number {
    const block = this.#words[this.cell + BLOCK]!
    return slotOf(this.#words, this.#heap.wordOf(block), (SharedHeap.wordsIn(block) >> 1) - 1, high, low)
  }

  #grow(): boolean {
    const words = this.#words
    const old = words[this.cell + BLOCK]!
    const block = this.#heap.allocate((old & 0x1f) + 1)
    if (block === 0) return false
    const [from, to] = [this.#heap.wordOf(old), this.#heap.wordOf(block)]
    const mask = (SharedHeap.wordsIn(block) >> 1) - 1
    for (let i = from; i < from + SharedHeap.wordsIn(old); i += 2) {
      const [high, low] = [words[i]!, words[i + 1]!]
      if (high === 0 && low === 0) continue
      const slot = slotOf(words, to, mask, high, low)
      words[slot] = high
      words[slot + 1] = low
    }
    words[this.cell + BLOCK] = block
    this.#heap.free(old)
    return true
  }
}

/** The word of the slot that holds a fingerprint, or else of the free one where it belongs. */
function slotOf(words: Int32Array, start: number, mask: number, high: number, low: number): number {
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const i = start + 2 * slot
    if ((words[i] === high && words[i + 1] === low) || (words[i] === 0 && words[i + 1] === 0)) return i
  }
}
