/** Checks the dates of stored certificates and CRLs periodically: for metrics, and to warn before a trust anchor expires. */
import type { Log, Runtime } from '../../foundation/index.ts'
import type { CertificateStatistics, Storage } from '../../storage/index.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const WARNING_MS = 30 * DAY_MS

export class CertificateWatch {
  readonly #services: { storage: Storage; runtime: Runtime; log: Log }
  #warnedAt = -Infinity
  /** As of the last look. */
  statistics: CertificateStatistics = { certificates: 0, expired: 0, expiringSoon: 0, crls: 0, staleCrls: 0 }

  constructor(services: { storage: Storage; runtime: Runtime; log: Log }) {
    this.#services = services
  }

  async look(): Promise<void> {
    const { storage, runtime, log } = this.#services
    const now = runtime.now()
    this.statistics = await storage.certificateStatistics({ now, soon: now + WARNING_MS })
    const { expiringSoon, staleCrls } = this.statistics
    if (expiringSoon + staleCrls === 0 || runtime.monotonic() - this.#warnedAt < DAY_MS) return
    this.#warnedAt = runtime.monotonic()
    log.warn({ expiringSoon, staleCrls }, 'stored certificates expire within 30 days, or CRLs are past their next update')
  }
}
