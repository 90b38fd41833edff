import { ServiceError } from './errors.ts'
import { SharedAmounts } from './shared-amounts.ts'

/** Bounds how much work of one kind an app may have under way in all threads, so that it cannot use up what all apps share. */
export class PerAppLimit {
  readonly #kind: string
  readonly #limit: number
  readonly #running: SharedAmounts

  /** @param running what apps have under way, of this kind and others */
  constructor(kind: string, limit: number, running: SharedAmounts = new SharedAmounts()) {
    this.#kind = kind
    this.#limit = limit
    this.#running = running
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
    const taken = this.#running.take(`${this.#kind} ${appId}`, 1, this.#limit)
    if (taken === 0) throw new ServiceError('app_busy')
    let outcome: T | Promise<T> | undefined
    try {
      outcome = work()
    } finally {
      if (!(outcome instanceof Promise)) this.#running.change(taken, -1)
    }
    return outcome instanceof Promise ? outcome.finally(() => this.#running.change(taken, -1)) : outcome
  }
}
