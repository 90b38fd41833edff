/** What long request bodies may take of the memory, all together: each is held whole while it is read, parsed and worked on. */
import { ServiceError } from '../errors.ts'

const BUDGET_BYTES = 512 * 1024 * 1024
/** Shorter bodies are not counted: connections bound them well enough. */
const COUNTED_FROM_BYTES = 1024 * 1024

export class BodyBudget {
  #taken = 0

  /**
   * Reserves room for a body; the result gives it back.
   * @param declared its Content-Length, undefined when it isn't said: then it may be as long as the limit
   * @throws {ServiceError} `busy` when there is no room
   */
  reserve(declared: number | undefined, limit: number): () => void {
    const size = Math.min(declared ?? limit, limit)
    if (size <= COUNTED_FROM_BYTES) return () => {}
    if (this.#taken + size > BUDGET_BYTES) throw new ServiceError('busy', { detail: 'long request bodies fill their budget' })
    this.#taken += size
    let given = false
    return () => {
      if (!given) this.#taken -= size
      given = true
    }
  }
}
