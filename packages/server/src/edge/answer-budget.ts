import type { ServerResponse } from 'node:http'
import { ServiceError } from '../foundation/index.ts'

/** The memory reserved for one long response while it is built: ten thousand keys with the longest aliases, all escaped. */
const RESERVED = 20 * 1024 * 1024
/** Characters of long responses that are being built, or are not yet read by their clients. */
const TOTAL = 192 * 1024 * 1024

/** Bounds the memory of long responses: clients may request many at once, and read them slowly or not at all. */
export class AnswerBudget {
  #used = 0

  /**
   * Reserves room for a long response until it is sent or its client is gone.
   * @returns a function to call with the response's length once it is known
   * @throws {ServiceError} `busy` if there is no room
   */
  reserve(res: ServerResponse): (length: number) => void {
    if (this.#used + RESERVED > TOTAL) throw new ServiceError('busy')
    let held = RESERVED
    this.#used += held
    res.once('close', () => {
      this.#used -= held
      held = 0
    })
    return (length) => {
      if (held === 0) return
      this.#used += length - held
      held = length
    }
  }
}
