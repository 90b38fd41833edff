/** How often one client may call: a token bucket for each client and class of operations, in bounded memory. */
import { LRUCache } from 'lru-cache'
import type { Runtime } from '../foundation/index.ts'

/** Which of the limits counts a call. */
export type RateClass = 'management' | 'attestation' | 'registration'

const MAX_BUCKETS = 100_000

/** Calls a second, and how many may come at once; undefined where nothing is limited. */
export type RateLimit = { perSecond: number; burst: number } | undefined

interface Bucket {
  tokens: number
  /** Monotonic milliseconds. */
  at: number
}

export class RateLimiter {
  readonly #limits: Readonly<Record<RateClass, RateLimit>>
  readonly #runtime: Runtime
  // With `max` instead, room for all of them would be taken at the start.
  readonly #buckets = new LRUCache<string, Bucket>({ maxSize: MAX_BUCKETS, sizeCalculation: () => 1 })

  constructor(limits: Readonly<Record<RateClass, RateLimit>>, runtime: Runtime) {
    this.#limits = limits
    this.#runtime = runtime
  }

  /** Takes one call of the client's allowance; false when there is none left. */
  take(rate: RateClass, client: string): boolean {
    const limit = this.#limits[rate]
    if (limit === undefined) return true
    const now = this.#runtime.monotonic()
    const place = `${rate} ${client}`
    const bucket = this.#buckets.get(place) ?? { tokens: limit.burst, at: now }
    bucket.tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) / 1000) * limit.perSecond)
    bucket.at = now
    this.#buckets.set(place, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }
}
