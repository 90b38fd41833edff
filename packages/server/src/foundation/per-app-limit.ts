import { ServiceError } from './errors.ts'

/** Bounds how much work of one kind an app may have under way, so that it cannot use up what all apps share. */
export class PerAppLimit {
  readonly #limit: number
  readonly #running = new Map<string, number>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Runs the work at once.
   * @throws {ServiceError} `app_busy` when the app has as much under way as it may
   */
  async run<T>(appId: string, work: () => T | Promise<T>): Promise<T> {
    const running = this.#running.get(appId) ?? 0
    if (running >= this.#limit) throw new ServiceError('app_busy')
    this.#running.set(appId, running + 1)
    try {
      return await work()
    } finally {
      const left = this.#running.get(appId)! - 1
      if (left === 0) this.#running.delete(appId)
      else this.#running.set(appId, left)
    }
  }
}
