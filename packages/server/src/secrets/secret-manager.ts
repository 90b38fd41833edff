/** Secrets and their versions: creation, new values, reading, lists (contract §5.15 to §5.20 and §5.22). */
import type { Call, Principal } from '../access/index.ts'
import { changeRecord, effectRecord } from '../trail/index.ts'
import type { KeyObject } from 'node:crypto'
import { KeyedMutex, PerAppLimit, ServiceError, invalid, pages, type Runtime, type SharedAmounts } from '../foundation/index.ts'
import type { SecretRow, SecretSummary, SecretValueRow, SecretVersionRow, SecretVersionSummary, Storage } from '../storage/index.ts'
import type { DataKeys } from './data-keys.ts'
import { DEFAULT_ROTATION_INTERVAL, rotationIntervalMs } from './rotation-interval.ts'
import { decodeValue, encodeValue, openVersion, sealVersion, type Sealer, type SecretIdentity } from './secret-record.ts'

/** The contract's limit of every list. */
const MAX_LISTED = 4000
/** Rows read at a time while listing, so that a long list doesn't hold up other requests: less than a millisecond. */
const PAGE = 200
/** Attempts to become the next version, each lost to another server's new value or rotation. */
const MAX_TRIES = 100
/** Lists of one app at once: each answer may be megabytes. */
const MAX_LISTS_PER_APP = 4

export interface SecretPolicy {
  secretsPerApp: number
  secretVersionsKept: number
}

export interface SecretServices extends Sealer {
  storage: Storage
  runtime: Runtime
  /** What apps have under way in all threads; of this thread alone unless given. */
  underWay?: SharedAmounts | undefined
}

export interface CreateSecretRequest {
  name: string
  value: string
  /** The key that wraps the data key; the app's default key unless given. */
  keyId: string | undefined
  description: string | undefined
  rotationInterval: string | undefined
}

/** One value with its version. */
export interface SecretValue extends SecretVersionSummary {
  value: string
}

export class SecretManager {
  readonly #services: SecretServices
  readonly #dataKeys: DataKeys
  readonly #policy: SecretPolicy
  readonly #puts = new KeyedMutex()
  readonly #lists: PerAppLimit

  constructor(services: SecretServices, dataKeys: DataKeys, policy: SecretPolicy) {
    this.#services = services
    this.#lists = new PerAppLimit('secret lists', MAX_LISTS_PER_APP, services.underWay)
    this.#dataKeys = dataKeys
    this.#policy = policy
  }

  /**
   * Creates a secret with its first version.
   * @throws {ServiceError} `secret_exists`, `secret_key_not_found`, `default_key_not_found`, `key_disabled`, `key_expired`,
   * `key_pending_import`, `invalid` for a key that isn't a symmetric encryption key, `rotation_interval`, `secret_limit`
   */
  async create(call: Call, request: CreateSecretRequest): Promise<void> {
    const { tenant: appId } = call.principal
    const { storage, runtime } = this.#services
    const { name, value, description = '', rotationInterval = DEFAULT_ROTATION_INTERVAL } = request
    if (await storage.findSecret({ appId, name })) throw new ServiceError('secret_exists')
    const defaultKeyId = await storage.findDefaultKeyId({ appId })
    // The default key has no name that an app may use.
    if (request.keyId !== undefined && request.keyId === defaultKeyId) throw new ServiceError('secret_key_not_found')
    const keyId = request.keyId ?? defaultKeyId
    if (keyId === null) throw new ServiceError('default_key_not_found')
    const identity = { id: runtime.uuid(), appId, name, keyId, keyGeneration: 1 }
    const dataKey = await this.#dataKeys.make(identity).catch((error: unknown) => {
      throw wrongKey(error)
    })
    const now = runtime.now()
    const nextRotationAt = now + rotationIntervalMs(rotationInterval)
    const version = this.#seal(dataKey.key, identity, { version: 1, createdAt: now }, value)
    const secret: SecretRow = {
      ...identity,
      description,
      createdAt: now,
      currentVersion: 1,
      dataKey: dataKey.blob,
      domainVersion: dataKey.domainVersion,
      rotationInterval,
      deletedAt: null,
      destroyAt: null,
      lastRotationAt: null,
      nextRotationAt,
      rotationDueAt: nextRotationAt,
      rotationId: null,
      rotationLeaseUntil: null,
      rotationAttempts: 0,
      rotationFailedAt: null,
      rotationFailure: null,
    }
    const audit = changeRecord(call, '', now, { name, keyId, rotationInterval })
    const outcome = await storage.insertSecret({ secret, version, limit: this.#policy.secretsPerApp, audit })
    if (outcome === 'exists') throw new ServiceError('secret_exists')
    if (outcome === 'key_missing') throw new ServiceError('secret_key_not_found')
    if (outcome === 'limit') throw new ServiceError('secret_limit')
  }

  /** @throws {ServiceError} `secret_not_found` or `secret_pending_deletion` */
  async updateDescription(call: Call, name: string, description: string): Promise<void> {
    const { tenant: appId } = call.principal
    const { storage, runtime } = this.#services
    const audit = changeRecord(call, '', runtime.now(), { name })
    const outcome = await storage.updateSecretDescription({ appId, name, description, audit })
    if (outcome === 'missing') throw new ServiceError('secret_not_found')
    if (outcome === 'deleted') throw new ServiceError('secret_pending_deletion')
  }

  /**
   * Adds a value as the version after the current one. Returns how many old versions were removed to make room.
   * @throws {ServiceError} `secret_not_found`, `secret_pending_deletion`, `secret_version_not_found`, `secret_key_not_found`, `key_disabled`,
   * `key_expired`, or `busy` if others are always faster
   */
  put(call: Call, name: string, value: string): Promise<{ pruned: number }> {
    const { tenant: appId } = call.principal
    return this.#puts.run(`${appId} ${name}`, async () => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const outcome = await this.#tryPut(call, name, value)
        if (outcome !== 'conflict') return outcome
      }
      throw new ServiceError('busy', { detail: 'a secret changes faster than a value can be put' })
    })
  }

  async #tryPut(call: Call, name: string, value: string): Promise<{ pruned: number } | 'conflict'> {
    const { tenant: appId } = call.principal
    const { storage, runtime } = this.#services
    const secret = await storage.findSecret({ appId, name })
    if (!secret) throw new ServiceError('secret_not_found')
    if (secret.deletedAt !== null) throw new ServiceError('secret_pending_deletion')
    const dataKey = await this.#openDataKey(secret, () => new ServiceError('secret_key_not_found'))
    const now = runtime.now()
    const number = secret.currentVersion + 1
    const version = this.#seal(dataKey, secret, { version: number, createdAt: now }, value)
    const pruneTo = number - this.#policy.secretVersionsKept
    const outcome = await storage.putSecretVersion({
      secretId: secret.id,
      keyGeneration: secret.keyGeneration,
      version,
      pruneTo,
      audit: changeRecord(call, '', now, { name, version: number }),
      pruneAudit: effectRecord(call, 'PruneSecretVersions', '', now, { name, upTo: pruneTo }),
    })
    if (outcome === 'no_previous') throw new ServiceError('secret_version_not_found')
    return outcome
  }

  /**
   * Hands the secret's versions to `take`, newest first, a page at a time; none for a secret that is unknown or scheduled for deletion.
   * @throws {ServiceError} `app_busy` if the app has too many lists under way
   */
  versions(principal: Principal, name: string, take: (page: SecretVersionSummary[]) => boolean): Promise<void> {
    const { tenant: appId } = principal
    const read = (last: SecretVersionSummary | null, limit: number) =>
      this.#services.storage.listSecretVersions({ appId, name, before: last?.version ?? null, limit })
    return this.#lists.run(appId, () => listed(read, take))
  }

  /**
   * Hands the app's secrets to `take`, oldest first, a page at a time, at most 4000: from the first, or from the one after that named
   * `after`.
   * @throws {ServiceError} `secret_not_found` for an `after` that isn't there, `app_busy` if the app has too many lists under way
   */
  list(principal: Principal, after: string | undefined, take: (page: SecretSummary[]) => boolean): Promise<void> {
    const { tenant: appId } = principal
    const { storage } = this.#services
    return this.#lists.run(appId, async () => {
      const start = after === undefined ? null : await storage.findSecret({ appId, name: after })
      if (after !== undefined && start === null) throw new ServiceError('secret_not_found')
      await listed((last: SecretSummary | null, limit) => storage.listSecrets({ appId, after: last ?? start, limit }), take)
    })
  }

  /** A secret without its values, scheduled for deletion or not; null if there is none. */
  find(principal: Principal, name: string): Promise<SecretRow | null> {
    const { tenant: appId } = principal
    return this.#services.storage.findSecret({ appId, name })
  }

  /**
   * A version's value, the current one's unless given; null if there is no such version.
   * @throws {ServiceError} `secret_not_found`, `secret_key_not_found` naming the key, `key_disabled` or `key_expired`
   */
  async value(principal: Principal, name: string, version: number | undefined): Promise<SecretValue | null> {
    const { tenant: appId } = principal
    const found = await this.#services.storage.findSecretValue({ appId, name, version: version ?? null })
    if (!found || (!found.version && version === undefined)) {
      throw new ServiceError('secret_not_found', { facts: { name } })
    }
    const { secret, version: row } = found
    if (!row) return null
    const missing = () =>
      new ServiceError('secret_key_not_found', {
        message: `The secret is encrypted under the key ${secret.keyId}, which was deleted.`,
        facts: { keyId: secret.keyId },
      })
    const dataKey = await this.#openDataKey(secret, missing)
    const plaintext = openVersion(this.#services, dataKey, secret, row)
    const value = decodeValue(plaintext)
    plaintext.fill(0)
    return { value, version: row.version, createdAt: row.createdAt }
  }

  async #openDataKey(secret: SecretValueRow['secret'], missing: () => ServiceError): Promise<KeyObject> {
    try {
      return await this.#dataKeys.open(secret)
    } catch (error) {
      throw isMissingKey(error) ? missing() : error
    }
  }

  #seal(dataKey: KeyObject, secret: SecretIdentity, version: SecretVersionSummary, value: string): SecretVersionRow {
    const plaintext = encodeValue(value)
    try {
      return sealVersion(this.#services, dataKey, secret, version, plaintext)
    } finally {
      plaintext.fill(0)
    }
  }
}

function isMissingKey(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'key_not_found'
}

/** Why the key of a new secret cannot be used. */
function wrongKey(error: unknown): unknown {
  if (isMissingKey(error)) return new ServiceError('secret_key_not_found')
  if (!(error instanceof ServiceError && error.code === 'key_usage')) return error
  return invalid('keyId', 'must be the id of a symmetric encryption key (AES-GCM or SM4)')
}

/** At most as many rows as the contract lists, a page at a time, until `take` says that it has enough. */
async function listed<T>(read: (last: T | null, limit: number) => Promise<T[]>, take: (page: T[]) => boolean): Promise<void> {
  for await (const page of pages(PAGE, read, MAX_LISTED)) if (!take(page)) return
}
