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
    return this.start(appId, work)
  }

  /**
   * As {@link run}, but work that need not wait returns or throws there and then.
   * @throws {ServiceError} `app_busy` when the app has as much under way as it may
   */
  start<T>(appId: string, work: () => T | Promise<T>): T | Promise<T> {
    if ((this.#running.get(appId) ?? 0) >= this.#limit) throw new ServiceError('app_busy')
    const outcome = work()
    if (!(outcome instanceof Promise)) return outcome
    this.#running.set(appId, (this.#running.get(appId) ?? 0) + 1)
    return outcome.finally(() => this.#end(appId))
  }

  #end(appId: string): void {
    const left = this.#running.get(appId)! - 1
    if (left === 0) this.#running.delete(appId)
    else this.#running.set(appId, left)
  }
}
