/** The memory for all long request bodies together, in all threads: each is held whole while it is read, parsed and processed. */
import { ServiceError, SharedAmounts, type Shared } from '../foundation/index.ts'

const BUDGET_BYTES = 512 * 1024 * 1024
/** The share of one client: its slow bodies don't keep out all others. */
const SHARE_BYTES = BUDGET_BYTES / 2
/** Shorter bodies are not counted: the limit on connections bounds them well enough. */
const COUNTED_FROM_BYTES = 1024 * 1024

export class BodyBudget {
  readonly #held: SharedAmounts

  constructor(shared?: Shared) {
    this.#held = new SharedAmounts(shared)
  }

  /** What all threads hold. */
  get memory(): SharedArrayBuffer {
    return this.#held.memory
  }

  /**
   * Reserves room for a body; the returned function releases it.
   * @param client the client that sends it
   * @param declared its Content-Length, undefined if absent: then the body may be as long as the limit
   * @throws {ServiceError} `busy` if there is no room
   */
  reserve(client: string, declared: number | undefined, limit: number): () => void {
    const size = Math.min(declared ?? limit, limit)
    if (size <= COUNTED_FROM_BYTES) return () => {}
    const held = this.#held
    const total = held.take('all', size, BUDGET_BYTES)
    if (total === 0) throw new ServiceError('busy', { detail: 'long request bodies fill their budget' })
    const share = held.take(`client ${client}`, size, SHARE_BYTES)
    if (share === 0) {
      held.change(total, -size)
      throw new ServiceError('busy', { detail: 'long request bodies of one client fill its share of their budget' })
    }
    let given = false
    return () => {
      if (given) return
      given = true
      held.change(share, -size)
      held.change(total, -size)
    }
  }
}
