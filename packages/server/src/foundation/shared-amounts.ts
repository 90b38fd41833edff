/**
 * What the threads of a process hold of something that is bounded, by key: work of an app under way, bytes of a client. Every thread has a column
 * of its own, so that what a dead one held can be forgotten.
 *
 * Keys are known by 128 bits of a keyed hash. A row whose columns are all zero is free for another key, so a critical section that is cut off needs
 * no recovery: at most, the dead thread's column is wrong.
 */
import { hash } from 'node:crypto'
import { systemRuntime, type Runtime } from './runtime.ts'
import { LOCK_WORDS, MAX_THREADS, SharedLock } from './shared-lock.ts'

const THREADS = LOCK_WORDS
const SECRET = LOCK_WORDS + 1
const SECRET_WORDS = 8
const ROWS = 96
const HASH_WORDS = 4
/** A key has its row in one set of so many. */
const WAYS = 16
/** Keys that are held at once: many more than there are connections. */
const SETS = 4096

/** A thread's place in memory that threads share. */
export interface Shared {
  memory: SharedArrayBuffer
  /** From 0; no other living thread has it. */
  threadNumber: number
}

export class SharedAmounts {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #lock: SharedLock
  readonly #secret: string
  readonly #threads: number
  readonly #own: number

  /** @param threads how many there are at once, with numbers below this */
  static create(threads = 1, runtime: Pick<Runtime, 'randomBytes'> = systemRuntime): SharedArrayBuffer {
    if (threads > MAX_THREADS) throw new RangeError(`${threads} threads`)
    const memory = new SharedArrayBuffer(4 * (ROWS + SETS * WAYS * (HASH_WORDS + threads)))
    new Int32Array(memory)[THREADS] = threads
    new Uint8Array(memory, SECRET * 4, SECRET_WORDS * 4).set(runtime.randomBytes(SECRET_WORDS * 4))
    return memory
  }

  constructor({ memory, threadNumber }: Shared = { memory: SharedAmounts.create(), threadNumber: 0 }) {
    this.memory = memory
    this.#words = new Int32Array(memory)
    this.#threads = this.#words[THREADS]!
    if (threadNumber >= this.#threads) throw new RangeError(`thread ${threadNumber} of ${this.#threads}`)
    this.#own = HASH_WORDS + threadNumber
    this.#lock = new SharedLock(this.#words, 0, threadNumber)
    this.#secret = Buffer.from(new Uint8Array(memory, SECRET * 4, SECRET_WORDS * 4)).toString('hex')
  }

  /**
   * Takes an amount, if what all threads hold of this key stays within `limit`, which is below 2^31.
   * @returns what `change` needs; 0 if it is not within the limit
   */
  take(key: string, amount: number, limit: number): number {
    const digest = hash('sha256', `${this.#secret} ${key}`, 'buffer')
    const words = this.#words
    this.#lock.acquire()
    try {
      const row = this.#rowOf(digest)
      if (row === 0 || this.#sum(row) + amount > limit) return 0
      words[row + this.#own]! += amount
      return row
    } finally {
      this.#lock.release()
    }
  }

  /** Changes what this thread holds, once it has taken some of it; a negative amount gives back. */
  change(row: number, amount: number): void {
    // Others may look at the sum of the row, which is free once that is zero.
    this.#lock.acquire()
    this.#words[row + this.#own]! += amount
    this.#lock.release()
  }

  /** Forgets what a thread held that has ended. */
  forgetThread(threadNumber: number): void {
    const size = HASH_WORDS + this.#threads
    this.#lock.acquire()
    for (let row = ROWS; row < this.#words.length; row += size) {
      const column = row + HASH_WORDS + threadNumber
      if (this.#words[column] !== 0) this.#words[column] = 0
    }
    this.#lock.release()
  }

  /** The key's row, or a free one that becomes it; 0 if there is none. */
  #rowOf(digest: Buffer): number {
    const words = this.#words
    const size = HASH_WORDS + this.#threads
    const first = ROWS + (digest.readUInt32LE(4 * HASH_WORDS) % SETS) * WAYS * size
    let free = 0
    for (let row = first; row < first + WAYS * size; row += size) {
      let same = true
      for (let i = 0; i < HASH_WORDS; i++) same &&= words[row + i] === digest.readInt32LE(4 * i)
      if (same) return row
      if (free === 0 && this.#sum(row) === 0) free = row
    }
    if (free !== 0) for (let i = 0; i < HASH_WORDS; i++) words[free + i] = digest.readInt32LE(4 * i)
    return free
  }

  #sum(row: number): number {
    let sum = 0
    for (let i = HASH_WORDS; i < HASH_WORDS + this.#threads; i++) sum += this.#words[row + i]!
    return sum
  }
}
