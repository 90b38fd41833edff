/** What the threads of a server tell each other without messages, in shared memory. Threads have numbers from 1. */

const TRAIL_FULL = 0
const REVISIONS = 1
/** The domain-key revision of a thread that doesn't run: it holds up nobody. */
const GONE = 2 ** 31 - 1

export class ThreadState {
  /** To be handed to other threads, which construct theirs over it. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  static of(threads: number): ThreadState {
    const state = new ThreadState(new SharedArrayBuffer(4 * (REVISIONS + threads + 1)))
    for (let thread = 1; thread <= threads; thread++) state.gone(thread)
    return state
  }

  /** Whether the trail can take no records at present. */
  get trailFull(): boolean {
    return Atomics.load(this.#words, TRAIL_FULL) === 1
  }

  set trailFull(full: boolean) {
    Atomics.store(this.#words, TRAIL_FULL, full ? 1 : 0)
  }

  /** The thread works with this revision of the domain keys; 0 while it starts, which holds up a rotation until it has read them. */
  setDomainRevision(thread: number, revision: number): void {
    Atomics.store(this.#words, REVISIONS + thread, revision)
  }

  gone(thread: number): void {
    this.setDomainRevision(thread, GONE)
  }

  /** The lowest revision of the domain keys that a thread works with, or `own` if that is lower. */
  leastDomainRevision(own: number): number {
    let least = own
    for (let i = REVISIONS + 1; i < this.#words.length; i++) least = Math.min(least, Atomics.load(this.#words, i))
    return least
  }
}
