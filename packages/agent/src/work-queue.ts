import { AgentError } from './errors.ts'

/** One piece of work at a time, in the order in which they came; what waits is bounded. A TPM does one thing at a time anyway. */
export class WorkQueue {
  readonly #limit: number
  #last: Promise<unknown> = Promise.resolve()
  #pending = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The work's result. Throws AgentError `busy` when too much is waiting. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pending >= this.#limit) throw new AgentError('busy', `the TPM is busy: ${this.#limit} requests are waiting`)
    this.#pending++
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#pending--
    }
  }
}
