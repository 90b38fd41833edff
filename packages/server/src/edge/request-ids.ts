import type { Runtime } from '../foundation/index.ts'

const GIVEN = /^[A-Za-z0-9._-]{1,64}$/

/** The ids of requests: the caller's own if it sent a valid one, otherwise a number that no other server uses. */
export class RequestIds {
  readonly #prefix: string
  #count = 0

  constructor(runtime: Runtime) {
    this.#prefix = `${runtime.uuid().slice(0, 8)}-`
  }

  /** @param given the header's value */
  next(given: unknown): string {
    return typeof given === 'string' && GIVEN.test(given) ? given : this.#prefix + (++this.#count).toString(36)
  }
}
