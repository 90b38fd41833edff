/** Calls a second, and how many may come at once after a rest. */
export interface Rate {
  perSecond: number
  burst: number
}

/** A token bucket, full at first. Times are milliseconds of a clock that never steps back. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #at: number

  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** Takes one call of the allowance; false when none is left. */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
