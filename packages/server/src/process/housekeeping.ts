/** The server's background work: durable due-times that any process picks up, counters written in batches. */
import type { Attestation } from '../attestation/index.ts'
import { ClockWatch, type Log, type Runtime } from '../foundation/index.ts'
import { EXPIRY_WARNING_MS, type KeyCache, type KeyLifecycle } from '../keys/index.ts'
import type { Secrets } from '../secrets/index.ts'
import type { KeyStatistics, SecretStatistics, Storage } from '../storage/index.ts'
import { CountFlushing } from './count-flushing.ts'

const JOBS_MS = 30_000
const BATCH = 100
/** Change rows are read within seconds; after this they are of no use. */
const CHANGES_KEPT_MS = 60 * 60 * 1000
/** A process registers as a server long before. */
const GONE_MS = 60_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Enrolment tokens are listed for a while after they expire: they show which app was enrolled with which. The audit keeps it. */
const TOKENS_KEPT_MS = 30 * DAY_MS

export interface HousekeepingServices {
  storage: Storage
  keyCache: KeyCache
  keys: KeyLifecycle
  secrets: Pick<Secrets, 'deletion' | 'rotation'>
  attestation: Pick<Attestation, 'upkeep'>
  runtime: Runtime
  log: Log
}

export class Housekeeping implements AsyncDisposable {
  readonly #services: HousekeepingServices
  readonly #clock: ClockWatch
  readonly #counts: CountFlushing
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #warnedAt = -Infinity
  /** As of the last round; for metrics. */
  statistics: KeyStatistics = { total: 0, disabled: 0, pendingDeletion: 0, expired: 0, expiringSoon: 0 }
  secretStatistics: SecretStatistics = { total: 0, pendingDeletion: 0, rotationFailing: 0 }

  constructor(services: HousekeepingServices) {
    this.#services = services
    this.#clock = new ClockWatch(services.runtime, services.log)
    this.#counts = new CountFlushing(services.keyCache, services.log)
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(), JOBS_MS).unref()
    void this.run()
  }

  /** One round of all jobs; rotations, which may take long, are only started. Concurrent calls share it. */
  run(): Promise<void> {
    this.#running ??= this.#round()
      .catch((error: unknown) => this.#services.log.warn({ err: error }, 'background work failed, and will be tried again'))
      .finally(() => (this.#running = undefined))
    return this.#running
  }

  async #round(): Promise<void> {
    const { storage, keys, secrets, attestation, runtime, log } = this.#services
    const now = runtime.now()
    secrets.rotation.wake()
    await secrets.deletion.destroyDue()
    if (!this.#clock.jumped()) {
      while ((await keys.destroyDue(BATCH)) === BATCH);
      await storage.deleteExpiredUserCredentials({ now: now - DAY_MS })
    }
    await storage.deleteExpiredImportSessions({ now: now - DAY_MS })
    await storage.deleteExpiredEnrollTokens({ before: now - TOKENS_KEPT_MS })
    for (const writer of await storage.closeGoneWriters({ before: now - GONE_MS, at: now }))
      log.warn({ writer }, 'a process ended without saying so: its last calls may not be recorded, and the trail says so')
    await storage.pruneChanges({ before: now - CHANGES_KEPT_MS })
    this.statistics = await storage.keyStatistics({ now, soon: now + EXPIRY_WARNING_MS })
    this.secretStatistics = await storage.secretStatistics()
    this.#warnOfExpiry()
    await attestation.upkeep()
  }

  #warnOfExpiry(): void {
    const { runtime, log } = this.#services
    const { expiringSoon } = this.statistics
    if (expiringSoon === 0 || runtime.monotonic() - this.#warnedAt < DAY_MS) return
    this.#warnedAt = runtime.monotonic()
    log.warn({ expiringSoon }, "keys expire within 30 days: extend them with 'vouchsafe keys extend' or replace them")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.#services.secrets.rotation.stop()
    await this.#counts[Symbol.asyncDispose]()
  }
}
