import type { Log } from '../foundation/index.ts'
import type { KeyCache } from '../keys/index.ts'

const COUNTS_MS = 1_000

/** Writes the encryption counts of a thread's keys, which it batches, regularly and at the end. */
export class CountFlushing implements AsyncDisposable {
  readonly #keyCache: Pick<KeyCache, 'flushCounts'>
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #flushing: Promise<void> | undefined

  constructor(keyCache: Pick<KeyCache, 'flushCounts'>, log: Log) {
    this.#keyCache = keyCache
    this.#log = log
    this.#timer = setInterval(() => void this.flush(), COUNTS_MS)
    this.#timer.unref()
  }

  flush(): Promise<void> {
    this.#flushing ??= this.#keyCache
      .flushCounts()
      .catch((error: unknown) => this.#log.warn({ err: error }, 'cannot write the encryption counts'))
      .finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#flushing
    await this.flush()
  }
}
