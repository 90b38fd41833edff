import { hash } from 'node:crypto'

const HASH_BYTES = 32
/** More leaves than 2^40 no batch has. */
const MAX_PEAKS = 41
const LEAF = 0x00
const NODE = 0x01

/**
 * The Merkle tree (RFC 6962, section 2.1) over leaves that come one after the other, of which it keeps the peaks only. The same tree as `treeRoot` of
 * `@vouchsafe/audit-log`, without an object for each hash: those of every call would keep the garbage collector busy.
 */
export class GrowingTree {
  static readonly #pair = Buffer.allocUnsafeSlow(1 + 2 * HASH_BYTES)
  /** Roots of perfect subtrees, largest first. */
  readonly #peaks = Buffer.allocUnsafeSlow(MAX_PEAKS * HASH_BYTES)
  #depth = 0
  size = 0

  /**
   * Adds an entry.
   * @param room holds the entry from `start` to `end`; the byte before it is written over for a moment
   */
  add(room: Buffer, start: number, end: number): void {
    const before = room[start - 1]!
    room[start - 1] = LEAF
    put(hash('sha256', room.subarray(start - 1, end), 'binary'), this.#peaks, this.#depth++)
    room[start - 1] = before
    for (let complete = this.size++; complete % 2 === 1; complete = (complete - 1) / 2) this.#join()
  }

  /** The root over all that was added; nothing may be added afterwards. Undefined without entries. */
  root(): Uint8Array | undefined {
    if (this.#depth === 0) return undefined
    while (this.#depth > 1) this.#join()
    return this.#peaks.subarray(0, HASH_BYTES)
  }

  /** The last two peaks become one. */
  #join(): void {
    const pair = GrowingTree.#pair
    pair[0] = NODE
    const left = --this.#depth - 1
    this.#peaks.copy(pair, 1, left * HASH_BYTES, (left + 2) * HASH_BYTES)
    put(hash('sha256', pair, 'binary'), this.#peaks, left)
  }
}

/** As text, and not as bytes: those would get an allocation of their own, which takes several times as long. */
function put(digest: string, peaks: Buffer, place: number): void {
  peaks.write(digest, place * HASH_BYTES, 'latin1')
}
