/** The memory for all long request bodies together: each is held whole while it is read, parsed and processed. */
import { ServiceError } from '../foundation/index.ts'

const BUDGET_BYTES = 512 * 1024 * 1024
/** The share of one client: its slow bodies don't keep out all others. */
const SHARE_BYTES = BUDGET_BYTES / 2
/** Shorter bodies are not counted: the limit on connections bounds them well enough. */
const COUNTED_FROM_BYTES = 1024 * 1024

export class BodyBudget {
  #taken = 0
  readonly #shares = new Map<string, number>()

  /**
   * Reserves room for a body; the returned function releases it.
   * @param client the client that sends it
   * @param declared its Content-Length, undefined if absent: then the body may be as long as the limit
   * @throws {ServiceError} `busy` if there is no room
   */
  reserve(client: string, declared: number | undefined, limit: number): () => void {
    const size = Math.min(declared ?? limit, limit)
    if (size <= COUNTED_FROM_BYTES) return () => {}
    if (this.#taken + size > BUDGET_BYTES) throw new ServiceError('busy', { detail: 'long request bodies fill their budget' })
    const share = (this.#shares.get(client) ?? 0) + size
    if (share > SHARE_BYTES) throw new ServiceError('busy', { detail: 'long request bodies of one client fill its share of their budget' })
    this.#take(client, size)
    let given = false
    return () => {
      if (!given) this.#take(client, -size)
      given = true
    }
  }

  #take(client: string, size: number): void {
    const share = (this.#shares.get(client) ?? 0) + size
    this.#taken += size
    if (share > 0) this.#shares.set(client, share)
    else this.#shares.delete(client)
  }
}
