/**
 * The end of secrets: at once, or scheduled with a recovery window (contract §5.21 and §5.23).
 *
 * Invariants: the due time is in the store, and whichever server finds it passed destroys the secret, looking again in the transaction
 * that does; so a restored secret is never destroyed and none is destroyed twice. A clock that was just set ahead destroys nothing
 * until it has been at its new time for an hour, so that a mistake can be corrected.
 */
import { systemCall, type Call } from '../access/index.ts'
import { changeRecord, effectRecord } from '../trail/index.ts'
import { ClockWatch, ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import { StorageError, type Storage } from '../storage/index.ts'
import type { DataKeys } from './data-keys.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Secrets destroyed in one transaction; each may have thousands of versions. */
const BATCH = 10

export class SecretDeletion {
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #dataKeys: DataKeys
  readonly #clock: ClockWatch

  constructor({ storage, runtime, log }: { storage: Storage; runtime: Runtime; log: Log }, dataKeys: DataKeys) {
    this.#storage = storage
    this.#runtime = runtime
    this.#dataKeys = dataKeys
    this.#clock = new ClockWatch(runtime, log)
  }

  /**
   * Schedules a secret's destruction in `days` days, or reschedules it.
   * @throws {ServiceError} `secret_not_found`
   */
  async schedule(call: Call, name: string, days: number): Promise<void> {
    const { tenant: appId } = call.principal
    const deletedAt = this.#runtime.now()
    const destroyAt = deletedAt + days * DAY_MS
    const audit = changeRecord(call, '', deletedAt, { name, destroyAt })
    if (!(await this.#storage.scheduleSecretDeletion({ appId, name, deletedAt, destroyAt, audit }))) {
      throw new ServiceError('secret_not_found')
    }
  }

  /**
   * Destroys a secret at once, scheduled or not: its wrapped data key first, in the same transaction its versions.
   * @throws {ServiceError} `secret_not_found`, or `secret_destruction_failed` if the store refuses
   */
  async destroy(call: Call, name: string): Promise<void> {
    const { tenant: appId } = call.principal
    const at = this.#runtime.now()
    const secret = await this.#storage.findSecret({ appId, name })
    if (!secret) throw new ServiceError('secret_not_found')
    const audit = effectRecord(call, 'DestroySecret', '', at, { name })
    const found = await this.#storage.destroySecret({ appId, name, at, audit }).catch((error: unknown) => {
      throw error instanceof StorageError ? new ServiceError('secret_destruction_failed', { cause: error }) : error
    })
    this.#dataKeys.forget(secret.id)
    if (!found) throw new ServiceError('secret_not_found')
  }

  /**
   * Cancels a scheduled destruction; a secret that isn't scheduled stays as it is.
   * @throws {ServiceError} `secret_not_found`
   */
  async restore(call: Call, name: string): Promise<void> {
    const { tenant: appId } = call.principal
    const audit = changeRecord(call, '', this.#runtime.now(), { name })
    if (!(await this.#storage.restoreSecret({ appId, name, audit }))) throw new ServiceError('secret_not_found')
  }

  /** Destroys secrets whose recovery window has passed, whichever server scheduled them. Returns how many. */
  async destroyDue(): Promise<number> {
    if (this.#clock.jumped()) return 0
    // As of the last clock reading: a leap during the work doesn't count.
    const now = this.#runtime.now()
    let count = 0
    for (;;) {
      const audit = changeRecord(systemCall('DestroySecret'), '', now)
      const destroyed = await this.#storage.destroyDueSecrets({ now, limit: BATCH, audit })
      for (const id of destroyed) this.#dataKeys.forget(id)
      count += destroyed.length
      if (destroyed.length < BATCH) return count
    }
  }
}
