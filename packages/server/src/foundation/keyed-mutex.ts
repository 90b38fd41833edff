/** Serialises work on the same thing, in the order of the requests; work on different things runs concurrently. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs the work when all earlier work on the same thing has ended. */
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
