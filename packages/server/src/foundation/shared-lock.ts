/**
 * A mutex between the threads of one process, in a SharedArrayBuffer. Critical sections are synchronous, allocate nothing on the common path and
 * are not nested, so that threads wait for microseconds.
 *
 * A thread may die inside its critical section (`worker.terminate()`, an exhausted heap). Its successor at the lock notices, since the kernel no
 * longer knows the thread, and first runs `recover`, which must restore what the section may have left half done. So nobody has to be told, and
 * the main thread, which can't receive a worker's `exit` event while it waits here, isn't stuck either.
 */
import { existsSync, readlinkSync } from 'node:fs'

/** Threads of a process are numbered from 0 (the main thread) to one less than this. */
export const MAX_THREADS = 64
/** 32-bit words that a lock takes: the lock itself, the kernel's id of each thread, padding. */
export const LOCK_WORDS = 80

const FREE = 0
/** The owner in place of a thread's number + 1 when a critical section was cut off. */
const BROKEN = 0x3fff_ffff
/** Set beside the owner while others may be waiting. */
const WAITED = 0x4000_0000
const SPINS = 100
/** How long a thread sleeps before it looks whether the owner is still alive. */
const PATIENCE_MS = 20

export class SharedLock {
  readonly #words: Int32Array
  readonly #at: number
  readonly #own: number
  readonly #recover: () => void

  /**
   * @param at the first of its LOCK_WORDS words, which are zero at first
   * @param threadNumber of the calling thread; no other living thread has it
   * @param recover called with the lock held after a critical section was cut off; it may itself be cut off, and is then called again
   */
  constructor(words: Int32Array, at: number, threadNumber: number, recover: () => void = () => {}) {
    if (!Number.isInteger(threadNumber) || threadNumber < 0 || threadNumber >= MAX_THREADS)
      throw new RangeError(`thread number ${threadNumber}`)
    this.#words = words
    this.#at = at
    this.#own = threadNumber + 1
    this.#recover = recover
    // What a predecessor of this number held, it can't release any more.
    this.releaseOf(threadNumber)
    Atomics.store(words, at + this.#own, kernelId())
  }

  /** Waits for the lock and takes it. */
  acquire(): void {
    if (Atomics.compareExchange(this.#words, this.#at, FREE, this.#own) !== FREE) this.#contend()
  }

  /** Frees the lock after a critical section that ran to its end. */
  release(): void {
    this.#end(FREE)
  }

  /** Frees the lock after an exception in the critical section: whoever takes it next recovers first. */
  abandon(): void {
    this.#end(BROKEN)
  }

  /** Frees the lock if a thread that has ended held it. Nobody needs to call this, but others go on sooner. */
  releaseOf(threadNumber: number): void {
    const held = Atomics.load(this.#words, this.#at)
    if ((held & ~WAITED) !== threadNumber + 1) return
    if (Atomics.compareExchange(this.#words, this.#at, held, BROKEN) === held) Atomics.notify(this.#words, this.#at)
  }

  #end(state: number): void {
    if ((Atomics.exchange(this.#words, this.#at, state) & WAITED) !== 0) Atomics.notify(this.#words, this.#at, 1)
  }

  #contend(): void {
    const [words, at] = [this.#words, this.#at]
    for (let i = 0; i < SPINS; i++) {
      if (Atomics.load(words, at) === FREE && Atomics.compareExchange(words, at, FREE, this.#own) === FREE) return
    }
    // Others may be asleep behind this thread, which `release` then wakes.
    const taken = this.#own | WAITED
    for (let slept = false; ;) {
      const held = Atomics.load(words, at)
      const owner = held & ~WAITED
      if (owner === FREE) {
        if (Atomics.compareExchange(words, at, held, taken) === held) return
      } else if (owner === BROKEN || owner === this.#own || (slept && !this.#lives(owner))) {
        if (Atomics.compareExchange(words, at, held, taken) === held) return this.#recover()
      } else if (held === (owner | WAITED) || Atomics.compareExchange(words, at, held, owner | WAITED) === held) {
        slept = Atomics.wait(words, at, owner | WAITED, PATIENCE_MS) === 'timed-out'
      }
    }
  }

  #lives(owner: number): boolean {
    const id = Atomics.load(this.#words, this.#at + owner)
    return id === 0 || existsSync(`/proc/self/task/${id}`)
  }
}

let known: number | undefined

/** The kernel's id of the calling thread; 0 where there is no /proc. */
function kernelId(): number {
  try {
    known ??= Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  } catch {
    known = 0
  }
  return known
}
