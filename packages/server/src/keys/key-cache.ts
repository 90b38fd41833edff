/**
 * Keys ready for use: found in the store, checked to be the caller's, unwrapped once and kept in a bounded cache.
 *
 * Invariants: another app's key, a deleted one and the app's hidden default key count as missing; another app's key isn't even read, so that it
 * costs what an absent one does, whether its owner has it in memory or not; a change acknowledged in this process is
 * seen by the next call; a change by another process is seen within a second, or the cache is bypassed.
 */
import type { Principal } from '../access/index.ts'
import type { KeyObject } from 'node:crypto'
import { KEY_SPECS, type KeyCrypto, type KeySpecInfo } from '@vouchsafe/crypto'
import type { ChangeFeed, KeyRow } from '../storage/index.ts'
import { ReadThroughCache, ServiceError, type Log, type Runtime, type SharedAmounts } from '../foundation/index.ts'
import type { Envelope } from '../envelope/index.ts'
import type { Storage } from '../storage/index.ts'
import type { GenerationQueue } from './generation-queue.ts'
import { openMaterial, specOf } from './key-row.ts'
import { admit, type CryptographicOperation } from './states.ts'

/** AES-GCM with random IVs: past this many encryptions under one key, it should be replaced (NIST SP 800-38D §8.3 sets the limit at 2^32). */
export const ENCRYPTION_WARNING = 2 ** 31

/** A key, ready for operations. */
export interface KeyHandle {
  /** Without the sealed material. */
  readonly row: KeyRow
  readonly spec: KeySpecInfo
  /** Undefined while the key waits for import. */
  readonly key: KeyObject | undefined
  /** Encryptions made under it, as far as this process knows. */
  encryptions: number
}

/** A key that an operation was admitted to use. */
export type UsableKey = KeyHandle & { readonly key: KeyObject }

export interface KeyServices {
  storage: Storage
  envelope: Envelope
  crypto: KeyCrypto
  runtime: Runtime
  feed: ChangeFeed
  log: Log
  generations: GenerationQueue
  /** What apps have under way in all threads; of this thread alone unless given. */
  underWay?: SharedAmounts | undefined
}

export class KeyCache {
  readonly #services: KeyServices
  readonly #cache: ReadThroughCache<KeyHandle | undefined>
  #uncounted = new Map<string, number>()
  hits = 0
  misses = 0

  constructor(services: KeyServices, cacheSize: number) {
    this.#services = services
    const { feed } = services
    this.#cache = new ReadThroughCache({
      feed,
      read: (keyId, tenant) => this.#read(keyId, tenant),
      isFor: ({ row }, tenant) => row.appId === tenant,
      bound: { max: cacheSize },
      keeps: ({ row }) => row.deletedAt === null,
    })
    feed.subscribe({
      changed: (kind, id) => {
        if (kind === 'key') this.forget(id)
      },
      reset: () => this.#cache.forgetAll(),
    })
  }

  get size(): number {
    return this.#cache.size
  }

  /**
   * The caller's key, admitted to an operation; synchronous if it is in memory.
   * @throws {ServiceError} with the first reason that applies, `key_not_found` first of all
   */
  use({ tenant }: Principal, keyId: string, operation: CryptographicOperation): UsableKey | Promise<UsableKey> {
    return this.#use(tenant, keyId, (handle) => this.#admit(isVisible(handle), handle, operation))
  }

  /**
   * Like {@link use} for encryption or decryption, with the keys that wrap the app's secrets: its hidden default key is admitted too.
   * @throws {ServiceError} as {@link use}
   */
  useForSecrets(tenant: string, keyId: string): UsableKey | Promise<UsableKey> {
    return this.#use(tenant, keyId, (handle) => this.#admit(isLive(handle), handle, 'Encrypt'))
  }

  #use(tenant: string, keyId: string, admitted: (handle: KeyHandle | undefined) => UsableKey): UsableKey | Promise<UsableKey> {
    const handle = this.#cache.cached(keyId, tenant)
    if (handle) {
      this.hits++
      return admitted(handle)
    }
    this.misses++
    return this.#cache.load(keyId, tenant).then(admitted)
  }

  /**
   * The caller's key whatever its state, from the store; a deleted one counts as missing.
   * @throws {ServiceError} `key_not_found`
   */
  async find(principal: Principal, keyId: string): Promise<KeyHandle> {
    const handle = await this.findOwn(principal, keyId)
    if (!handle) throw new ServiceError('key_not_found')
    return handle
  }

  /** Like {@link find}, but undefined if the caller has no such key. */
  async findOwn({ tenant }: Principal, keyId: string): Promise<KeyHandle | undefined> {
    const handle = await this.#cache.load(keyId, tenant)
    return isVisible(handle) ? handle : undefined
  }

  #admit(visible: boolean, handle: KeyHandle | undefined, operation: CryptographicOperation): UsableKey {
    if (!visible || !handle) throw new ServiceError('key_not_found')
    admit(handle.row, handle.key !== undefined, operation, this.#services.runtime.now())
    return handle as UsableKey
  }

  async #read(keyId: string, tenant: string): Promise<KeyHandle | undefined> {
    const row = await this.#services.storage.findKey({ id: keyId, appId: tenant })
    if (!row) return undefined
    const key = openMaterial(this.#services, row)
    const encryptions = row.encryptions + (this.#uncounted.get(keyId) ?? 0)
    if (encryptions >= ENCRYPTION_WARNING) this.#warnOfUse(keyId)
    return { row: { ...row, material: null }, spec: KEY_SPECS.get(specOf(row))!, key, encryptions }
  }

  /** Drops a key from memory: call it once its change is in the store, before acknowledging it. */
  forget(keyId: string): void {
    this.#cache.forget(keyId)
  }

  /** Counts one encryption; written to the store by {@link flushCounts}. */
  countEncryption(handle: KeyHandle): void {
    const { id } = handle.row
    this.#uncounted.set(id, (this.#uncounted.get(id) ?? 0) + 1)
    if (++handle.encryptions === ENCRYPTION_WARNING) this.#warnOfUse(id)
  }

  #warnOfUse(keyid: string): void {
    this.#services.log.warn({ keyid }, 'a key has made 2^31 encryptions: replace it')
  }

  /** Writes the counts since the last call. Counts that cannot be written are kept for the next time. */
  async flushCounts(): Promise<void> {
    if (this.#uncounted.size === 0) return
    const counts = [...this.#uncounted]
    this.#uncounted = new Map()
    try {
      await this.#services.storage.addEncryptions({ counts })
    } catch (error) {
      for (const [id, count] of counts) this.#uncounted.set(id, (this.#uncounted.get(id) ?? 0) + count)
      throw error
    }
  }
}

function isVisible(handle: KeyHandle | undefined): handle is KeyHandle {
  return isLive(handle) && !handle.row.isDefault
}

function isLive(handle: KeyHandle | undefined): handle is KeyHandle {
  return handle !== undefined && handle.row.deletedAt === null
}
