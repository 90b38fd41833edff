/** What all threads of a process know about the store, in shared memory. */

const REVISION = 0
const REACHABLE = 1
const WORDS = 2

/** The numbers wrap around: only whether two are equal counts. */
export class StoreState {
  /** To be handed to other threads, which construct theirs over it. */
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * WORDS)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** Differs after each commit that may have changed what others keep in memory; it differs before the commit is acknowledged. */
  get revision(): number {
    return Atomics.load(this.#words, REVISION)
  }

  changed(): void {
    Atomics.add(this.#words, REVISION, 1)
  }

  /** Whether the process may use the store: it holds the presence lock. */
  get reachable(): boolean {
    return Atomics.load(this.#words, REACHABLE) === 1
  }

  set reachable(reachable: boolean) {
    Atomics.store(this.#words, REACHABLE, reachable ? 1 : 0)
  }
}
