import { randomUUID } from 'node:crypto'

/**
 * The name under which this process numbers its entries of the trail, and which numbers it had: they only grow, whatever the store says, so that
 * nobody can take back an entry of a process that runs.
 */
export class WriterNumbers {
  /** Begins the name of everything that this process numbers. */
  readonly process: string
  readonly #name: string
  #renewals = 0
  /** The number after the last one that was committed. */
  #next = 0

  /** @param thread tells the names of threads apart that number entries by themselves; '' for the first */
  constructor(process: string = randomUUID(), thread = '') {
    this.process = process
    this.#name = `${process}${thread}`
  }

  get writer(): string {
    return this.#renewals === 0 ? this.#name : `${this.#name}.${this.#renewals}`
  }

  /** Another name, from 0: this process was taken for dead. */
  renew(): void {
    this.#renewals++
    this.#next = 0
  }

  /** Whether the store's next number can be right. */
  follows(first: number): boolean {
    return first >= this.#next
  }

  /** Numbers before `next` are committed. */
  committed(next: number): void {
    this.#next = Math.max(this.#next, next)
  }
}
