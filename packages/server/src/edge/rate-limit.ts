/** How often one client may call, whichever thread it comes to: a token bucket for each client and class of operations, in bounded memory. */
import { hash } from 'node:crypto'
import type { Rate } from '@vouchsafe/service'
import { LOCK_WORDS, SharedLock, systemRuntime, type Runtime, type Shared } from '../foundation/index.ts'

/** The limit that counts a call. */
export type RateClass = 'management' | 'attestation' | 'registration'

/** Undefined if nothing is limited. */
export type RateLimit = Rate | undefined

/** A client's bucket is one of a set that its name's keyed hash says, in place of the one there that was used least recently. */
const WAYS = 8
const SETS = 12_500

const SECRET = LOCK_WORDS
const SECRET_WORDS = 8
const BUCKETS = 96
/** Words of a bucket: its client's hash; then two doubles: calls left, and when that was so, in milliseconds of the monotonic clock. */
const HASH_WORDS = 4
const TOKENS = 4
const AT = 6
const BUCKET_WORDS = 8

export class RateLimiter {
  readonly memory: SharedArrayBuffer
  readonly #limits: Readonly<Record<RateClass, RateLimit>>
  readonly #runtime: Runtime
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #lock: SharedLock
  readonly #secret: string

  static create(runtime: Pick<Runtime, 'randomBytes'> = systemRuntime): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(4 * (BUCKETS + SETS * WAYS * BUCKET_WORDS))
    new Uint8Array(memory, SECRET * 4, SECRET_WORDS * 4).set(runtime.randomBytes(SECRET_WORDS * 4))
    return memory
  }

  constructor(
    limits: Readonly<Record<RateClass, RateLimit>>,
    runtime: Runtime,
    { memory, threadNumber }: Shared = { memory: RateLimiter.create(runtime), threadNumber: 0 },
  ) {
    this.memory = memory
    this.#limits = limits
    this.#runtime = runtime
    this.#words = new Int32Array(memory)
    this.#doubles = new Float64Array(memory)
    this.#lock = new SharedLock(this.#words, 0, threadNumber)
    this.#secret = Buffer.from(new Uint8Array(memory, SECRET * 4, SECRET_WORDS * 4)).toString('hex')
  }

  /** Takes one call from the client's allowance; returns false if none is left. */
  take(rate: RateClass, client: string): boolean {
    const limit = this.#limits[rate]
    if (limit === undefined) return true
    const now = this.#runtime.monotonic()
    const digest = hash('sha256', `${this.#secret} ${rate} ${client}`, 'buffer')
    const doubles = this.#doubles
    this.#lock.acquire()
    try {
      const bucket = this.#bucketOf(digest, limit, now)
      const at = doubles[(bucket + AT) >> 1]!
      // Another thread may have read the clock a little later and come here first.
      const passed = Math.max(0, now - at)
      const tokens = Math.min(limit.burst, doubles[(bucket + TOKENS) >> 1]! + (passed / 1000) * limit.perSecond)
      // In this order, so that a thread that dies in between leaves too few rather than too many.
      doubles[(bucket + AT) >> 1] = at + passed
      doubles[(bucket + TOKENS) >> 1] = tokens < 1 ? tokens : tokens - 1
      return tokens >= 1
    } finally {
      this.#lock.release()
    }
  }

  #bucketOf(digest: Buffer, { burst }: Rate, now: number): number {
    const words = this.#words
    const doubles = this.#doubles
    const first = BUCKETS + (digest.readUInt32LE(4 * HASH_WORDS) % SETS) * WAYS * BUCKET_WORDS
    let oldest = first
    for (let bucket = first; bucket < first + WAYS * BUCKET_WORDS; bucket += BUCKET_WORDS) {
      let same = true
      for (let i = 0; i < HASH_WORDS; i++) same &&= words[bucket + i] === digest.readInt32LE(4 * i)
      if (same) return bucket
      if (doubles[(bucket + AT) >> 1]! < doubles[(oldest + AT) >> 1]!) oldest = bucket
    }
    doubles[(oldest + TOKENS) >> 1] = 0
    doubles[(oldest + AT) >> 1] = now
    for (let i = 0; i < HASH_WORDS; i++) words[oldest + i] = digest.readInt32LE(4 * i)
    doubles[(oldest + TOKENS) >> 1] = burst
    return oldest
  }
}
