/** The smallest difference in milliseconds that counts as a difference of the clocks; the Date header counts seconds. */
const RESOLUTION_MS = 1000

/** How far behind the server's clock its window lets a timestamp be: what was in the window can't be explained by more. */
const WINDOW_MS = 30 * 60 * 1000

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
    const offset = this.#offsetOf(dateHeader)
    if (!(Math.abs(offset - this.#offset) >= RESOLUTION_MS)) return false
    this.#offset = offset
    return true
  }

  /** Takes over the server's time if ours is behind it, though within its window. */
  catchUp(dateHeader: string | null): void {
    const offset = this.#offsetOf(dateHeader)
    const behind = offset - this.#offset
    if (behind >= RESOLUTION_MS && behind <= WINDOW_MS) this.#offset = offset
  }

  /** What the header says that our clock lacks, NaN if it says nothing. */
  #offsetOf(dateHeader: string | null): number {
    return (dateHeader === null ? NaN : Date.parse(dateHeader)) + RESOLUTION_MS / 2 - this.#now()
  }
}
