import type { ServerResponse } from 'node:http'
import { ServiceError } from '../foundation/index.ts'

/** What one long answer may take while it is made: ten thousand keys with the longest aliases, all escaped. */
const RESERVED = 20 * 1024 * 1024
/** Characters of long answers that are being made, or were made and not yet read by their clients. */
const TOTAL = 192 * 1024 * 1024

/** Bounds the memory of long answers: clients may ask for many at once, and read them slowly or not at all. */
export class AnswerBudget {
  #used = 0

  /**
   * Makes room for a long answer until it is sent or its client is gone.
   * @returns to be told the answer's length once it is known
   * @throws {ServiceError} `busy` while there is no room
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
