/**
 * Rotation: when due, a secret gets a fresh data key, under which every kept version is resealed, and, if its app has a webhook, a
 * new value from it as its new version.
 *
 * A server takes a due rotation by a lease in the store; its id is stored with the lease and stays the same over retries. The new seals are
 * made outside the transaction, which takes them only if the secret is still as it was read: so whatever happens in between, two servers
 * included, a rotation is done once or not at all, and the old versions stay readable until it is done.
 */
import { systemCall, type Call } from '../access/index.ts'
import { changeRecord, effectRecord } from '../trail/index.ts'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { KeyedMutex, ServiceError, pages, type Log, type Runtime } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import { StorageError, type SecretRow, type SecretVersionRow, type Storage } from '../storage/index.ts'
import type { DataKeys } from './data-keys.ts'
import { rotationIntervalMs } from './rotation-interval.ts'
import { WebhookError, type RotationWebhooks } from './rotation-webhook.ts'
import { encodeValue, openVersion, sealVersion, type Sealer } from './secret-record.ts'

/** Concurrent rotations, each for a different app, so that one slow webhook doesn't hold up all. */
const MAX_RUNNING = 64
/** Longer than an attempt can take: the webhook's time and the work on thousands of versions. */
const LEASE_MS = 2 * 60 * 1000
const FIRST_RETRY_MS = 60 * 1000
const LAST_RETRY_MS = 6 * 60 * 60 * 1000
/** Tries within one attempt, each lost to a new value that was put meanwhile. */
const MAX_CONFLICTS = 20
const PAGE = 200
/** Versions resealed before other work gets a turn: less than a millisecond. */
const WORK = 16

export interface RotationServices extends Sealer {
  storage: Storage
  runtime: Runtime
  log: Log
}

const ROTATION = systemCall('RotateSecret')

export class SecretRotation {
  readonly #services: RotationServices
  readonly #dataKeys: DataKeys
  readonly #webhooks: RotationWebhooks
  readonly #versionsKept: number
  readonly #stop = new AbortController()
  /** One secret is resealed at a time: with all its versions it may be tens of megabytes. */
  readonly #renewals = new KeyedMutex()
  #running: Promise<void> | undefined
  #again = false
  /** Since start, for metrics. */
  rotated = 0
  failed = 0

  constructor(services: RotationServices, dataKeys: DataKeys, webhooks: RotationWebhooks, versionsKept: number) {
    this.#services = services
    this.#dataKeys = dataKeys
    this.#webhooks = webhooks
    this.#versionsKept = versionsKept
  }

  /**
   * Makes a secret's rotation due now.
   * @throws {ServiceError} `secret_not_found` or `secret_pending_deletion`
   */
  async request(call: Call, name: string): Promise<void> {
    const { tenant: appId } = call.principal
    const at = this.#services.runtime.now()
    const audit = changeRecord(call, '', at, { name })
    const outcome = await this.#services.storage.requestSecretRotation({ appId, name, at, audit })
    if (outcome === 'missing') throw new ServiceError('secret_not_found')
    if (outcome === 'deleted') throw new ServiceError('secret_pending_deletion')
    this.wake()
  }

  /** Begins a round in the background, unless one is under way. */
  wake(): void {
    this.run().catch((error: unknown) => this.#services.log.warn({ err: error }, 'rotations cannot be looked for, and will be later'))
  }

  /**
   * Runs all due rotations, whichever server they were requested on; concurrent calls share the work, and rotations requested meanwhile are
   * included.
   */
  run(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    this.#again = true
    this.#running ??= this.#rounds()
    return this.#running
  }

  /** Ends work under way; unfinished rotations are taken up by another server, or after a start, once their lease has expired. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running?.catch(() => {})
  }

  async #rounds(): Promise<void> {
    try {
      while (this.#again && !this.#stop.signal.aborted) {
        this.#again = false
        await this.#round()
      }
    } finally {
      // Immediately, so that a later request starts a round of its own.
      this.#running = undefined
    }
  }

  async #round(): Promise<void> {
    const { storage, runtime } = this.#services
    const running = new Map<string, Promise<void>>()
    try {
      while (!this.#stop.signal.aborted) {
        const now = runtime.now()
        const claim = { now, leaseUntil: now + LEASE_MS, rotationId: runtime.uuid(), exceptApps: [...running.keys()] }
        const secret = running.size < MAX_RUNNING ? await storage.claimSecretRotation(claim) : null
        if (secret) {
          const { appId } = secret
          running.set(
            appId,
            this.#rotate(secret).finally(() => running.delete(appId)),
          )
        } else {
          if (running.size === 0) return
          await Promise.race(running.values())
        }
      }
    } finally {
      await Promise.all(running.values())
    }
  }

  /** One attempt at a rotation; never throws. */
  async #rotate(secret: SecretRow): Promise<void> {
    const { log } = this.#services
    const facts = { secretId: secret.id, rotationId: secret.rotationId, attempt: secret.rotationAttempts }
    try {
      if (await this.#attempt(secret)) {
        this.rotated++
        log.info(facts, 'a secret was rotated')
      }
    } catch (error) {
      // A write that fails now, or is interrupted by a stop, is retried once the lease has expired.
      if ((error instanceof StorageError && !['internal', 'altered'].includes(error.code)) || this.#stop.signal.aborted) {
        log.warn({ err: error, ...facts }, 'a rotation was cut short, and will be tried again')
        return
      }
      this.failed++
      const failure = publicReason(error)
      log.warn(
        failure === INTERNAL ? { err: error, ...facts } : { reason: failure, ...facts },
        'a rotation failed, and will be tried again',
      )
      await this.#noteFailure(secret, failure).catch((cause: unknown) =>
        log.warn({ err: cause, ...facts }, "a rotation's failure cannot be noted"),
      )
    }
  }

  /** True if this server completed the rotation. */
  async #attempt(claimed: SecretRow): Promise<boolean> {
    const { storage } = this.#services
    // Before the webhook is asked for a value that could not be stored.
    await this.#dataKeys.open(claimed)
    const { appId, name, currentVersion, rotationAttempts } = claimed
    const rotationId = claimed.rotationId!
    const question = { rotationId, appid: appId, secretName: name, currentVersionId: currentVersion, attempt: rotationAttempts }
    const value = await this.#webhooks.ask(question, this.#stop.signal)
    let secret = claimed
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      const current = secret
      const outcome = await this.#renewals.run('', () => this.#renew(current, rotationId, value))
      if (outcome === 'rotated') return true
      const fresh = outcome === 'conflict' ? await storage.findSecret({ appId, name }) : null
      if (fresh?.id !== secret.id || fresh.rotationId !== rotationId) return false
      secret = fresh
    }
    throw new ServiceError('busy')
  }

  /** Reseals the kept versions under a fresh data key, and stores them if the secret is unchanged since it was read. */
  async #renew(secret: SecretRow, rotationId: string, value: string | undefined): Promise<'rotated' | 'gone' | 'conflict'> {
    const { storage, runtime } = this.#services
    const { id: secretId, name, currentVersion, keyGeneration } = secret
    const oldKey = await this.#dataKeys.open(secret)
    const renewed = { ...secret, keyGeneration: keyGeneration + 1 }
    const newKey = await this.#dataKeys.make(renewed)
    const at = runtime.now()
    const newest = value === undefined ? currentVersion : currentVersion + 1
    const pruneTo = newest - this.#versionsKept
    const versions: SecretVersionRow[] = []
    for await (const row of this.#versions(secretId, pruneTo)) {
      const plaintext = openVersion(this.#services, oldKey, secret, row)
      versions.push(sealVersion(this.#services, newKey.key, renewed, row, plaintext))
      plaintext.fill(0)
      if (versions.length % WORK === 0) await nextTurn()
    }
    let newVersion: SecretVersionRow | null = null
    if (value !== undefined) {
      const plaintext = encodeValue(value)
      newVersion = sealVersion(this.#services, newKey.key, renewed, { version: newest, createdAt: at }, plaintext)
      plaintext.fill(0)
    }
    const outcome = await storage.completeSecretRotation({
      secretId,
      rotationId,
      currentVersion,
      keyGeneration,
      dataKey: newKey.blob,
      domainVersion: newKey.domainVersion,
      versions,
      newVersion,
      pruneTo,
      at,
      nextRotationAt: at + rotationIntervalMs(secret.rotationInterval),
      audit: changeRecord(ROTATION, '', at, { name, rotationId, ...(newVersion && { version: newest }) }),
      pruneAudit: effectRecord(ROTATION, 'PruneSecretVersions', '', at, { name, upTo: pruneTo }),
    })
    this.#dataKeys.forget(secretId)
    return outcome
  }

  async *#versions(secretId: string, after: number): AsyncGenerator<SecretVersionRow> {
    const read = (last: SecretVersionRow | null, limit: number) =>
      this.#services.storage.readSecretVersions({ secretId, after: last?.version ?? after, limit })
    for await (const page of pages(PAGE, read)) yield* page
  }

  async #noteFailure({ id, rotationId, rotationAttempts }: SecretRow, failure: string): Promise<void> {
    const { storage, runtime } = this.#services
    const at = runtime.now()
    const dueAt = at + retryDelay(rotationAttempts, runtime.randomBytes(4).readUInt32BE() / 2 ** 32)
    await storage.failSecretRotation({ secretId: id, rotationId: rotationId!, at, failure, dueAt })
  }
}

/**
 * Milliseconds until a rotation is retried: a minute after the first attempt, doubled with each, at most six hours; a half to
 * the whole of that by `chance` (0 to 1), so that rotations that failed together aren't retried together.
 */
export function retryDelay(attempts: number, chance: number): number {
  const full = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 30), LAST_RETRY_MS)
  return Math.round(full * (0.5 + chance / 2))
}

const INTERNAL = 'an internal error; the server log says more'

/** What the app may learn about a failure: the code of a refusal, which edges put into words, or a text. */
function publicReason(error: unknown): string {
  if (error instanceof WebhookError) return error.message
  if (error instanceof ServiceError) return error.code === 'key_not_found' ? 'secret_key_not_found' : error.code
  if (error instanceof SealError) return 'a stored value does not open; the server log says more'
  return INTERNAL
}
