/** How often one client may call: a token bucket for each client and class of operations, in bounded memory. */
import { TokenBucket, type Rate } from '@vouchsafe/service'
import { LRUCache } from 'lru-cache'
import type { Runtime } from '../foundation/index.ts'

/** The limit that counts a call. */
export type RateClass = 'management' | 'attestation' | 'registration'

const MAX_BUCKETS = 100_000

/** Undefined if nothing is limited. */
export type RateLimit = Rate | undefined

export class RateLimiter {
  readonly #limits: Readonly<Record<RateClass, RateLimit>>
  readonly #runtime: Runtime
  // With `max` instead, room for all of them would be taken at the start.
  readonly #buckets = new LRUCache<string, TokenBucket>({ maxSize: MAX_BUCKETS, sizeCalculation: () => 1 })

  constructor(limits: Readonly<Record<RateClass, RateLimit>>, runtime: Runtime) {
    this.#limits = limits
    this.#runtime = runtime
  }

  /** Takes one call from the client's allowance; returns false if none is left. */
  take(rate: RateClass, client: string): boolean {
    const limit = this.#limits[rate]
    if (limit === undefined) return true
    const now = this.#runtime.monotonic()
    const place = `${rate} ${client}`
    let bucket = this.#buckets.get(place)
    if (!bucket) this.#buckets.set(place, (bucket = new TokenBucket(limit, now)))
    return bucket.take(now)
  }
}
