/** Work on one thing at a time, in the order in which it was asked for; work on different things goes on side by side. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Does the work when all work asked for before it, on the same thing, has ended. */
  async run<T>(thing: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(thing)
    const running = before === undefined ? work() : before.then(work, work)
    this.#last.set(thing, running)
    try {
      return await running
    } finally {
      if (this.#last.get(thing) === running) this.#last.delete(thing)
    }
  }
}
