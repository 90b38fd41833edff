/** How often one client may call: a token bucket for each client and class of operations, in bounded memory. */
import { LRUCache } from 'lru-cache'
import type { Platform } from '../platform.ts'
import type { RateClass } from './operation.ts'

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
  readonly #platform: Platform
  // With `max` instead, room for all of them would be taken at the start.
  readonly #buckets = new LRUCache<string, Bucket>({ maxSize: MAX_BUCKETS, sizeCalculation: () => 1 })

  constructor(limits: Readonly<Record<RateClass, RateLimit>>, platform: Platform) {
    this.#limits = limits
    this.#platform = platform
  }

  /** Takes one call of the client's allowance; false when there is none left. */
  take(rate: RateClass, client: string): boolean {
    const limit = this.#limits[rate]
    if (limit === undefined) return true
    const now = this.#platform.monotonic()
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
