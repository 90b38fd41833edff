/** The life of keys: creation, state, deletion with its recovery window, expiry. */
import { checkedPadding, type AskedPadding } from './padding.ts'
import { systemCall, type Call, type Principal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { KEY_SPECS, type Digest, type KeySpec, type KeyUsage } from '@vouchsafe/crypto'
import { PerAppLimit, ServiceError, pages, invalid } from '../foundation/index.ts'
import type { KeyRow, KeySummary } from '../storage/index.ts'
import type { KeyHandle, KeyCache, KeyServices } from './key-cache.ts'
import { newKeyRow } from './key-row.ts'
import { admitKind, STATE_TABLE, stateOf, type KeyState, type OperationKind } from './states.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Rows read at a time while listing, so that a long list doesn't hold up other requests: less than a millisecond. */
const PAGE = 200
/** Lists of one app at once: each answer may be megabytes. */
const MAX_LISTS_PER_APP = 4
/** Keys that expire within this time are warned about. */
export const EXPIRY_WARNING_MS = 30 * DAY_MS

export interface KeyPolicy {
  keyLifeDays: number
  keyRecoveryDays: number
  keysPerApp: number
}

export interface CreateKeyRequest {
  spec: KeySpec
  origin: 'internal' | 'external'
  usage: KeyUsage | undefined
  /** RSA keys only; others have none, whatever is asked for. */
  padding: AskedPadding
  digest: Digest | undefined
  alias: string | undefined
  /** Milliseconds since 1970. */
  expiresAt: number | undefined
}

/** A key as its owner sees it. */
export interface KeyDescription {
  row: KeyRow
  state: KeyState
  encryptions: number
  checkValue: string | null
}

export class KeyLifecycle {
  readonly #services: KeyServices
  readonly #keyCache: KeyCache
  readonly #policy: KeyPolicy
  readonly #lists: PerAppLimit

  constructor(services: KeyServices, keyCache: KeyCache, policy: KeyPolicy) {
    this.#services = services
    this.#lists = new PerAppLimit('key lists', MAX_LISTS_PER_APP, services.underWay)
    this.#keyCache = keyCache
    this.#policy = policy
  }

  /**
   * Creates a key and returns its id.
   * @throws {ServiceError} `key_spec_usage` or `key_origin` if the spec does not support them, `key_limit`, `key_generation_busy`
   */
  async create(call: Call, request: CreateKeyRequest): Promise<string> {
    const { tenant: appId } = call.principal
    const spec = KEY_SPECS.get(request.spec)!
    const now = this.#services.runtime.now()
    const padding = spec.family === 'rsa' ? checkedPadding(request.padding) : undefined
    checkExpiry(request.expiresAt, now)
    const usage = defaultUsage(request)
    if (request.origin === 'external' && spec.materialBytes === undefined) {
      throw new ServiceError('key_origin', {
        message: `Only AES, SM4 and HMAC keys can be imported; ${spec.name} keys are generated here.`,
        facts: { spec: spec.name },
      })
    }
    const wanted = {
      id: this.#services.runtime.uuid(),
      appId,
      spec: spec.name,
      origin: request.origin,
      usage,
      padding: padding ?? null,
      digest: request.digest ?? null,
      alias: request.alias ?? '',
      createdAt: now,
      expiresAt: request.expiresAt ?? now + this.#policy.keyLifeDays * DAY_MS,
    }
    const make = () => newKeyRow(this.#services, wanted)
    const key = spec.family === 'rsa' ? await this.#services.generations.run(appId, make) : await make()
    const audit = changeRecord(call, key.id, now, { spec: key.spec, origin: key.origin, usage: key.usage })
    if ((await this.#services.storage.insertKey({ key, limit: this.#policy.keysPerApp, audit })) === 'limit')
      throw new ServiceError('key_limit')
    return key.id
  }

  /**
   * Hands the app's keys to `take`, oldest first, a page at a time.
   * @throws {ServiceError} `app_busy` if the app has too many lists under way
   */
  list(principal: Principal, take: (page: KeySummary[]) => void): Promise<void> {
    const { tenant: appId } = principal
    return this.#lists.run(appId, async () => {
      const read = (after: KeySummary | null, limit: number) => this.#services.storage.listKeys({ appId, after, limit })
      for await (const page of pages(PAGE, read)) take(page)
    })
  }

  /** Keys pending deletion, of one app or of all. */
  listDeleted(appId: string | null): AsyncGenerator<KeySummary[]> {
    return pages<KeySummary>(PAGE, (after, limit) => this.#services.storage.listDeletedKeys({ appId, after, limit }))
  }

  /** @throws {ServiceError} `key_not_found` */
  async setEnabled(call: Call, keyId: string, enabled: boolean): Promise<void> {
    const { tenant: appId } = call.principal
    await this.#admit(call.principal, keyId, enabled ? 'enable' : 'disable')
    const at = this.#services.runtime.now()
    const audit = changeRecord(call, keyId, at)
    const found = await this.#services.storage.setKeyEnabled({ appId, id: keyId, enabled, at, audit })
    this.#keyCache.forget(keyId)
    if (!found) throw new ServiceError('key_not_found')
  }

  /**
   * Deletes one key, or all of the app's: refused and unlisted at once, destroyed after the recovery window. Unknown ids are ignored.
   * A key that secrets use can be restored for at least a day, even without a recovery window.
   */
  async delete(call: Call, keyId: string | null): Promise<string[]> {
    const { tenant: appId } = call.principal
    if (keyId !== null) {
      const handle = await this.#keyCache.findOwn(call.principal, keyId)
      if (handle) this.#admitHandle(handle, 'delete')
    }
    const deletedAt = this.#services.runtime.now()
    const destroyAt = deletedAt + this.#policy.keyRecoveryDays * DAY_MS
    const audit = changeRecord(call, '', deletedAt, { destroyAt })
    const keepUsedUntil = Math.max(destroyAt, deletedAt + DAY_MS)
    const deleted = await this.#services.storage.deleteKeys({ appId, id: keyId, deletedAt, destroyAt, keepUsedUntil, audit })
    for (const id of deleted) this.#keyCache.forget(id)
    return deleted
  }

  /** How many secrets are under these deleted keys, and until when the keys can be restored; undefined if there are none. */
  async dependents(keyIds: string[]): Promise<{ secrets: number; restorableUntil: number } | undefined> {
    if (keyIds.length === 0) return undefined
    const { secrets, destroyAt } = await this.#services.storage.countDependentSecrets({ keyIds })
    return destroyAt === null ? undefined : { secrets, restorableUntil: destroyAt }
  }

  /**
   * Restores a deleted key in the disabled state.
   * @throws {ServiceError} `key_not_found` if it isn't pending deletion (or isn't that app's)
   */
  async restore(call: Call, keyId: string, tenant: string | null): Promise<KeyRow> {
    const at = this.#services.runtime.now()
    const deleted = await this.#services.storage.findKey({ id: keyId })
    if (!deleted || (tenant !== null && deleted.appId !== tenant)) throw notDeleted()
    if (STATE_TABLE[stateOf(deleted, deleted.material !== null, at)].restore !== 'allow') throw notDeleted()
    const row = await this.#services.storage.restoreKey({ id: keyId, appId: tenant, at, audit: changeRecord(call, keyId, at) })
    this.#keyCache.forget(keyId)
    if (!row) throw notDeleted()
    return row
  }

  /** @throws {ServiceError} `key_not_found` */
  async describe(principal: Principal, keyId: string): Promise<KeyDescription> {
    const { handle, state } = await this.#admit(principal, keyId, 'describe')
    const checkValue = handle.key ? this.#services.crypto.checkValue(handle.spec.name, handle.key) : null
    return { row: handle.row, state, encryptions: handle.encryptions, checkValue }
  }

  /**
   * Changes a key's alias or expiry; an expired key works again once its expiry is in the future.
   * @throws {ServiceError} `key_not_found`
   */
  async update(call: Call, keyId: string, set: { alias?: string; expiresAt?: number }): Promise<void> {
    const { tenant: appId } = call.principal
    const at = this.#services.runtime.now()
    checkExpiry(set.expiresAt, at)
    await this.#admit(call.principal, keyId, 'update')
    const detail = set.expiresAt === undefined ? undefined : { expiresAt: set.expiresAt }
    const audit = changeRecord(call, keyId, at, detail)
    const found = await this.#services.storage.updateKey({ appId, id: keyId, set, at, audit })
    this.#keyCache.forget(keyId)
    if (!found) throw new ServiceError('key_not_found')
  }

  /** Destroys keys whose recovery window has passed, whichever server deleted them. Returns how many. */
  async destroyDue(limit: number): Promise<number> {
    const now = this.#services.runtime.now()
    const destroyed = await this.#services.storage.destroyDueKeys({
      now,
      limit,
      audit: changeRecord(systemCall('DestroyKey'), '', now),
    })
    for (const id of destroyed) this.#keyCache.forget(id)
    return destroyed.length
  }

  /** The caller's key, admitted to an operation by its state. */
  async #admit(principal: Principal, keyId: string, kind: OperationKind): Promise<{ handle: KeyHandle; state: KeyState }> {
    const handle = await this.#keyCache.find(principal, keyId)
    return { handle, state: this.#admitHandle(handle, kind) }
  }

  #admitHandle({ row, key }: KeyHandle, kind: OperationKind): KeyState {
    return admitKind(row, key !== undefined, kind, this.#services.runtime.now())
  }
}

function notDeleted(): ServiceError {
  return new ServiceError('key_not_found', {
    message: 'There is no such key pending deletion; after its recovery window a key is gone for good.',
  })
}

/** A key that has ended before it is made, or by its change, is a mistake. @throws {ServiceError} `invalid` */
function checkExpiry(expiresAt: number | undefined, now: number): void {
  if (expiresAt !== undefined && expiresAt <= now) throw invalid('expiresAt', `value must be greater than or equal to ${now + 1}`)
}

/** Symmetric keys encrypt, HMAC keys sign; asymmetric ones do both unless told otherwise. */
function defaultUsage({ spec, usage }: CreateKeyRequest): KeyUsage | null {
  const info = KEY_SPECS.get(spec)!
  if (!info.symmetric) return usage ?? null
  const only = info.usages[0]!
  if (usage !== undefined && usage !== only) {
    throw new ServiceError('key_spec_usage', {
      message: `An ${spec} key can only be used to ${only === 'sign' ? 'sign and verify' : 'encrypt and decrypt'}.`,
      facts: { spec, usage: only },
    })
  }
  return only
}
