/**
 * Collateral from a PCS or PCCS, kept in memory and in the store. Valid collateral in hand is used at once, and renewed in the background
 * well before it expires; if it cannot be renewed it stays in use as long as it is valid. Only platforms whose PCK certificate chains to a
 * trusted root are looked up.
 */
import {
  carriesTrustedPck,
  checkCollateral,
  CollateralError,
  fetchCollateral,
  platformIdOf,
  QuoteError,
  readCollateral,
  type Collateral,
  type CollateralPart,
  type PlatformId,
  type Quote,
} from '@vouchsafe/dcap'
import type { Certificate } from '@vouchsafe/x509'
import { LRUCache } from 'lru-cache'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { daysUntil, expiryOf, type CollateralSource } from './collateral-source.ts'

const DAY_MS = 86_400_000
/** Renewed once it is this old, or valid for less than this. */
const RENEW_AGE_MS = DAY_MS
const RENEW_LEFT_MS = 7 * DAY_MS
/** Pause between attempts, so that a source that is down isn't asked by every request. */
const RETRY_MS = 60_000
const RENEW_RETRY_MS = 10 * 60_000
const PLATFORMS_IN_MEMORY = 100
const PLATFORMS_IN_STORE = 1000

interface Held {
  id: PlatformId
  collateral: Collateral
  fetchedAt: number
  expiresAt: number
}

export interface CollateralCacheOptions {
  baseUrl: string
  roots: readonly Certificate[]
  storage: Storage
  runtime: Runtime
  log: Log
  fetch?: typeof globalThis.fetch
}

export class CollateralCache implements CollateralSource {
  readonly #options: CollateralCacheOptions
  readonly #held = new LRUCache<string, Held>({ max: PLATFORMS_IN_MEMORY })
  readonly #fetching = new Map<string, Promise<Held>>()
  readonly #triedAt = new LRUCache<string, number>({ max: 10 * PLATFORMS_IN_MEMORY })

  constructor(options: CollateralCacheOptions) {
    this.#options = options
  }

  async collateralFor(quote: Quote): Promise<Collateral> {
    const { runtime, roots } = this.#options
    const id = idOf(quote)
    const key = keyOf(id)
    // While the store was asked, another request may have fetched it.
    const held = this.#held.get(key) ?? (await this.#load(key, id)) ?? this.#held.get(key)
    if (held && runtime.now() < held.expiresAt) {
      if (this.#isDue(key, held)) this.#fetch(key, id).catch(() => undefined)
      return held.collateral
    }
    const underWay = this.#fetching.get(key)
    if (underWay) return (await underWay).collateral
    if (!carriesTrustedPck(quote, roots, new Date(runtime.now()))) throw new ServiceError('quote_collateral_missing')
    if (runtime.monotonic() - (this.#triedAt.get(key) ?? -Infinity) < RETRY_MS) throw new ServiceError('quote_collateral_unavailable')
    return (await this.#fetch(key, id)).collateral
  }

  async refresh(): Promise<void> {
    const due = [...this.#held.entries()].filter(([key, held]) => this.#isDue(key, held))
    await Promise.allSettled(due.map(([key, { id }]) => this.#fetch(key, id)))
  }

  daysLeft(): number | undefined {
    const ends = [...this.#held.values()].map(({ expiresAt }) => expiresAt)
    return ends.length === 0 ? undefined : daysUntil(Math.min(...ends), this.#options.runtime)
  }

  #isDue(key: string, { fetchedAt, expiresAt }: Held): boolean {
    const { runtime } = this.#options
    const now = runtime.now()
    if (now - fetchedAt < RENEW_AGE_MS && expiresAt - now > RENEW_LEFT_MS) return false
    return runtime.monotonic() - (this.#triedAt.get(key) ?? -Infinity) >= RENEW_RETRY_MS
  }

  /** The collateral in the store, perhaps from another server; undefined if it doesn't verify, for example after a change of roots. */
  async #load(key: string, id: PlatformId): Promise<Held | undefined> {
    const { storage, roots, runtime } = this.#options
    const row = await storage.findCollateral({ platform: key })
    if (row === null) return undefined
    const collateral = readCollateral(decodeParts(row.parts))
    if (problemOf(collateral, id, roots, runtime.now())) return undefined
    return this.#hold(key, { id, collateral, fetchedAt: row.fetchedAt, expiresAt: row.expiresAt })
  }

  /** Asks once for all waiting requests. @throws {ServiceError} `quote_collateral_unavailable` */
  #fetch(key: string, id: PlatformId): Promise<Held> {
    const underWay = this.#fetching.get(key)
    if (underWay) return underWay
    this.#triedAt.set(key, this.#options.runtime.monotonic())
    const fetching = this.#ask(key, id).finally(() => this.#fetching.delete(key))
    this.#fetching.set(key, fetching)
    return fetching
  }

  async #ask(key: string, id: PlatformId): Promise<Held> {
    const { baseUrl, roots, storage, runtime, log, fetch } = this.#options
    const now = runtime.now()
    try {
      const parts = await fetchCollateral({ baseUrl, platform: id, ...(fetch && { fetch }) })
      const collateral = readCollateral(parts)
      const problem = problemOf(collateral, id, roots, now)
      if (problem) throw problem
      const expiresAt = expiryOf(collateral)!
      await storage.putCollateral({
        row: { platform: key, parts: encodeParts(parts), fetchedAt: now, expiresAt },
        limit: PLATFORMS_IN_STORE,
      })
      return this.#hold(key, { id, collateral, fetchedAt: now, expiresAt })
    } catch (error) {
      log.warn({ err: error, platform: key }, 'cannot fetch collateral')
      throw new ServiceError('quote_collateral_unavailable', { detail: (error as Error).message, cause: error })
    }
  }

  #hold(key: string, held: Held): Held {
    const before = this.#held.get(key)
    // Unchanged collateral stays the same object, by which verifications cache their work.
    const kept = before?.collateral.digest === held.collateral.digest ? { ...held, collateral: before.collateral } : held
    this.#held.set(key, kept)
    return kept
  }
}

/**
 * Why quotes of the platform cannot be verified with it now. Collateral in hand is preferred to invalid collateral from a source, and the
 * source is soon asked again.
 */
function problemOf(collateral: Collateral, id: PlatformId, roots: readonly Certificate[], now: number): CollateralError | undefined {
  const failed = checkCollateral(collateral, id, roots, new Date(now)).find(({ passed }) => !passed)
  return failed && new CollateralError(failed.name, `expected ${failed.expected}, found ${failed.found}`)
}

function idOf(quote: Quote): PlatformId {
  try {
    return platformIdOf(quote)
  } catch (error) {
    if (error instanceof QuoteError) throw new ServiceError('quote_collateral_missing')
    throw error
  }
}

function keyOf({ tee, fmspc, ca }: PlatformId): string {
  return `${tee} ${fmspc} ${ca}`
}

function encodeParts(parts: readonly CollateralPart[]): Buffer {
  return Buffer.from(JSON.stringify(parts.map(({ name, bytes }) => [name, bytes.toBase64()])))
}

function decodeParts(blob: Uint8Array): CollateralPart[] {
  const parts = JSON.parse(Buffer.from(blob).toString()) as [string, string][]
  return parts.map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes, 'base64') }))
}
