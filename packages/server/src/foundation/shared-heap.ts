/**
 * Blocks of 64 bytes to 16 MiB, in powers of two, in shared memory: a buddy allocator. Memory that was never allocated was never touched, so it
 * takes no room. Its caller holds a lock, and after a critical section that was cut off calls `rebuild` with the blocks that are in use.
 */

/** 32-bit words of the smallest block. */
const GRANULE_WORDS = 16
/** The largest block has 2 to this power granules. */
const TOP_ORDER = 18
const TOP_GRANULES = 2 ** TOP_ORDER
/** The smallest bytes that a heap can have, and a divisor of what it has. */
export const TOP_BLOCK_BYTES = TOP_GRANULES * GRANULE_WORDS * 4
/** Of a granule: the first of a free block; with its order. Any other granule, inside a block, has 0. */
const FREE = 0x40
/** The first of a block in use; with its order. */
const USED = 0x80
const ORDER = 0x1f
const HEAD_WORDS = 32

export class SharedHeap {
  readonly words: Int32Array
  /** Where the list of free blocks of each order begins: a granule + 1, or 0. */
  readonly #heads: number
  readonly #states: Uint8Array
  readonly #blocks: number
  readonly #granules: number

  /** How many words of shared memory a heap of some bytes takes. */
  static wordsFor(bytes: number): number {
    return HEAD_WORDS + bytes / 4 / GRANULE_WORDS / 4 + bytes / 4
  }

  /** @param at the first of its words, a multiple of 16; call `format` if they are new, and zero */
  constructor(words: Int32Array, at: number, bytes: number) {
    this.words = words
    this.#granules = bytes / 4 / GRANULE_WORDS
    this.#heads = at
    this.#states = new Uint8Array(words.buffer, (at + HEAD_WORDS) * 4, this.#granules)
    this.#blocks = at + HEAD_WORDS + this.#granules / 4
  }

  /** Makes everything free, of new memory. */
  format(): void {
    for (let granule = 0; granule < this.#granules; granule += TOP_GRANULES) this.#link(granule, TOP_ORDER)
  }

  /** The order of the smallest block with so many words. */
  static orderFor(words: number): number {
    return Math.max(0, 32 - Math.clz32(Math.ceil(Math.max(words, 1) / GRANULE_WORDS) - 1))
  }

  static wordsIn(block: number): number {
    return GRANULE_WORDS << (block & ORDER)
  }

  /** The first word of a block. */
  wordOf(block: number): number {
    return this.#blocks + ((block >>> 5) - 1) * GRANULE_WORDS
  }

  /** A block of zeros, never 0 itself and at least 32; or 0 if there is none so large. */
  allocate(order: number): number {
    const { words } = this
    let from = order
    while (from <= TOP_ORDER && words[this.#heads + from] === 0) from++
    if (from > TOP_ORDER) return 0
    const granule = words[this.#heads + from]! - 1
    this.#unlink(granule, from)
    while (from > order) {
      from--
      this.#link(granule + 2 ** from, from)
    }
    this.#states[granule] = USED | order
    const at = this.#blocks + granule * GRANULE_WORDS
    words.fill(0, at, at + (GRANULE_WORDS << order))
    return ((granule + 1) << 5) | order
  }

  free(block: number): void {
    let granule = (block >>> 5) - 1
    let order = block & ORDER
    this.#states[granule] = 0
    for (; order < TOP_ORDER; order++) {
      const buddy = granule ^ (2 ** order)
      if (this.#states[buddy] !== (FREE | order)) break
      this.#unlink(buddy, order)
      granule = Math.min(granule, buddy)
    }
    this.#link(granule, order)
  }

  /** Makes everything free but the blocks that `visit` names. */
  rebuild(visit: (use: (block: number) => void) => void): void {
    const states = this.#states
    this.words.fill(0, this.#heads, this.#heads + HEAD_WORDS)
    states.fill(0)
    visit((block) => (states[(block >>> 5) - 1] = USED | (block & ORDER)))
    for (let granule = 0; granule < this.#granules;) {
      const state = states[granule]!
      if (state !== 0) {
        granule += 2 ** (state & ORDER)
        continue
      }
      // The largest block that begins here and has no other in it.
      let end = granule + 1
      let order = 0
      while (order < TOP_ORDER && granule % 2 ** (order + 1) === 0) {
        const wanted = granule + 2 ** (order + 1)
        while (end < wanted && states[end] === 0) end++
        if (end < wanted) break
        order++
      }
      this.#link(granule, order)
      granule += 2 ** order
    }
  }

  /** Free blocks are in a list of their order, whose links are their first two words: the next one's granule + 1, and the one's before. */
  #link(granule: number, order: number): void {
    const { words } = this
    const head = words[this.#heads + order]!
    const at = this.#blocks + granule * GRANULE_WORDS
    words[at] = head
    words[at + 1] = 0
    if (head !== 0) words[this.#blocks + (head - 1) * GRANULE_WORDS + 1] = granule + 1
    words[this.#heads + order] = granule + 1
    this.#states[granule] = FREE | order
  }

  #unlink(granule: number, order: number): void {
    const { words } = this
    const at = this.#blocks + granule * GRANULE_WORDS
    const [next, previous] = [words[at]!, words[at + 1]!]
    if (previous === 0) words[this.#heads + order] = next
    else words[this.#blocks + (previous - 1) * GRANULE_WORDS] = next
    if (next !== 0) words[this.#blocks + (next - 1) * GRANULE_WORDS + 1] = previous
    this.#states[granule] = 0
  }
}
