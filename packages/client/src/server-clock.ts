/** The smallest difference in milliseconds that counts as a difference of the clocks; the Date header counts seconds. */
const RESOLUTION_MS = 1000

/** The server's clock as far as we know it: ours, plus an offset learnt from the server's Date header. */
export class ServerClock {
  readonly #now: () => number
  #offset = 0

  /** `now` returns milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The timestamp of a request: milliseconds, 13 decimal digits. */
  timestamp(): string {
    return String(Math.trunc(this.#now() + this.#offset)).padStart(13, '0')
  }

  /** Adopts the server's time; returns false if the header says nothing new. */
  learn(dateHeader: string | null): boolean {
    const seconds = dateHeader === null ? NaN : Date.parse(dateHeader)
    if (Number.isNaN(seconds)) return false
    const offset = seconds + RESOLUTION_MS / 2 - this.#now()
    if (Math.abs(offset - this.#offset) < RESOLUTION_MS) return false
    this.#offset = offset
    return true
  }
}
