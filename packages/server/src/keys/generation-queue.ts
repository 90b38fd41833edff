import { ServiceError } from '../foundation/index.ts'

/** Slow generations at once, over all apps: each keeps a core busy for up to seconds. */
const MAX_RUNNING = 2
/** Waiting generations of one app. */
const MAX_WAITING_PER_APP = 16

/** Bounds the generation of RSA keys: at most two at once, apps served in turn, a bounded queue for each. */
export class GenerationQueue {
  #running = 0
  /** Apps with waiting jobs, the next to be served first. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /**
   * Runs `generate` when its turn comes.
   * @throws {ServiceError} `key_generation_busy` if the app has too many waiting
   */
  async run<T>(appId: string, generate: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_RUNNING) await this.#turn(appId)
    else this.#running++
    try {
      return await generate()
    } finally {
      this.#next()
    }
  }

  #turn(appId: string): Promise<void> {
    const queue = this.#waiting.get(appId) ?? []
    if (queue.length >= MAX_WAITING_PER_APP) throw new ServiceError('key_generation_busy')
    this.#waiting.set(appId, queue)
    return new Promise((resolve) => queue.push(resolve))
  }

  /** Passes the slot on, or releases it. */
  #next(): void {
    for (const [appId, queue] of this.#waiting) {
      const start = queue.shift()!
      this.#waiting.delete(appId)
      if (queue.length > 0) this.#waiting.set(appId, queue)
      start()
      return
    }
    this.#running--
  }
}
