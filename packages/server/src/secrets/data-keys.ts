/**
 * Unwrapped data keys of secrets, kept ready in a bounded cache.
 *
 * Invariant: a data key is returned only while the key (CMK) that wraps it may be used: its state is checked on every use. Values are
 * never kept.
 */
import type { KeyObject } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ChangeFeed, SecretValueRow } from '../storage/index.ts'
import type { KeyCache, UsableKey } from '../keys/index.ts'
import { onceThere, type Runtime } from '../foundation/index.ts'
import type { SealedBlob } from '../envelope/index.ts'
import { DATA_KEY_BYTES, takeDataKey, unwrapDataKey, wrapDataKey, type Sealer, type SecretIdentity } from './secret-record.ts'

export interface DataKeyServices extends Sealer {
  keyCache: KeyCache
  runtime: Runtime
  feed: ChangeFeed
}

/** A data key with the fields that its secret's row stores for it. */
export interface NewDataKey extends SealedBlob {
  key: KeyObject
}

export class DataKeys {
  readonly #services: DataKeyServices
  readonly #cache: LRUCache<string, { generation: number; key: KeyObject }>

  constructor(services: DataKeyServices, cacheSize: number) {
    this.#services = services
    this.#cache = new LRUCache({ max: cacheSize })
    services.feed.subscribe({
      changed: (kind, id) => {
        if (kind === 'secret') this.forget(id)
      },
      reset: () => this.#cache.clear(),
    })
  }

  get size(): number {
    return this.#cache.size
  }

  /**
   * The data key of a secret as it was just read from the store.
   * @throws {ServiceError} `key_not_found`, `key_disabled`, `key_expired`, `key_pending_import` or `key_usage`, of the key that wraps it
   * @throws {SealError} if the stored data key isn't this row's or was altered
   */
  open(secret: SecretValueRow['secret']): KeyObject | Promise<KeyObject> {
    return onceThere(this.#services.keyCache.useForSecrets(secret.appId, secret.keyId), (cmk) => {
      const cached = this.#cache.get(secret.id)
      if (cached?.generation === secret.keyGeneration) return cached.key
      const key = unwrapDataKey(this.#services, cmk, secret)
      this.#cache.set(secret.id, { generation: secret.keyGeneration, key })
      return key
    })
  }

  /**
   * A fresh data key for the secret and its generation.
   * @throws {ServiceError} as {@link open}
   */
  async make(secret: SecretIdentity): Promise<NewDataKey> {
    const cmk: UsableKey = await this.#services.keyCache.useForSecrets(secret.appId, secret.keyId)
    const bytes = this.#services.runtime.randomBytes(DATA_KEY_BYTES)
    const sealed = wrapDataKey(this.#services, cmk, secret, bytes)
    this.#services.keyCache.countEncryption(cmk)
    return { ...sealed, key: takeDataKey(bytes) }
  }

  /** Drops a secret's data key from memory: call this once its removal is in the store. */
  forget(secretId: string): void {
    this.#cache.delete(secretId)
  }
}
