import { StorageError } from '../error.ts'

/** How long a transaction waits for its turn. */
const PATIENCE_MS = 10_000

/**
 * Bounds how many transactions run at once, in the order in which they came. They wait for each other in the database, where each would hold
 * a connection that reads need.
 */
export class WriteSlots {
  #free: number
  readonly #waiting = new Set<() => void>()
  readonly #patienceMs: number

  constructor(slots: number, patienceMs: number = PATIENCE_MS) {
    this.#free = slots
    this.#patienceMs = patienceMs
  }

  /** @throws {StorageError} `unavailable` after too long a wait, with `work` not begun */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await this.#turn()
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else {
        this.#waiting.delete(next)
        next()
      }
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(take)
        reject(new StorageError('unavailable', 'too many changes wait for the database'))
      }, this.#patienceMs)
      const take = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.add(take)
    })
  }
}
