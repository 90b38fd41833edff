import type { ServerResponse } from 'node:http'
import { ServiceError, SharedAmounts, type Shared } from '../foundation/index.ts'

/** The memory reserved for one long response while it is built: ten thousand keys with the longest aliases, all escaped. */
const RESERVED = 20 * 1024 * 1024
/** Characters of long responses that are being built, or are not yet read by their clients. */
const TOTAL = 192 * 1024 * 1024

/** Bounds the memory of long responses in all threads: clients may request many at once, and read them slowly or not at all. */
export class AnswerBudget {
  readonly #used: SharedAmounts

  constructor(shared?: Shared) {
    this.#used = new SharedAmounts(shared)
  }

  /** What all threads use. */
  get memory(): SharedArrayBuffer {
    return this.#used.memory
  }

  /**
   * Reserves room for a long response until it is sent or its client is gone.
   * @returns a function to call with the response's length once it is known
   * @throws {ServiceError} `busy` if there is no room
   */
  reserve(res: ServerResponse): (length: number) => void {
    const used = this.#used
    const taken = used.take('all', RESERVED, TOTAL)
    if (taken === 0) throw new ServiceError('busy')
    let held = RESERVED
    res.once('close', () => {
      used.change(taken, -held)
      held = 0
    })
    return (length) => {
      if (held === 0) return
      used.change(taken, length - held)
      held = length
    }
  }
}
