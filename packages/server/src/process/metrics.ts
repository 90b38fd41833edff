import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What gauges are read from when they are asked for; set once the server is assembled. */
export interface MetricSources {
  keyCache(): { size: number; hits: number; misses: number }
  appCache(): number
  replay(): { bytes: number; entries: number; apps: number; shared: boolean; narrowings: number }
  keys(): { total: number; disabled: number; pendingDeletion: number; expired: number; expiringSoon: number }
  secrets(): {
    total: number
    pendingDeletion: number
    rotationFailing: number
    rotated: number
    rotationsFailed: number
    dataKeys: number
  }
  cryptoQueue(): number
  collateralDaysLeft(): number
  authority(): {
    nonces: { issued: number; used: number; refused: number }
    tokens: { issued: number; verified: number; refused: number }
    measurements: { verified: number; refused: number }
    akCertificates: { issued: number; revoked: number }
    resigning: { signed: number; altered: number }
    appraisals: { waiting: number; busy: number; done: number; stopped: number }
    certificates: { certificates: number; expired: number; expiringSoon: number; crls: number; staleCrls: number }
  }
}

/** The server's metrics, in Prometheus' names and units (seconds, bytes). */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Counter<'action' | 'code'>
  readonly #seconds: Histogram<'action'>
  readonly #storage: Histogram<'operation' | 'result'>
  readonly #upperCase: Counter<'appid'>
  readonly #authorityRequests: Counter<'operation' | 'status'>
  readonly #authoritySeconds: Histogram<'operation'>
  readonly #counters = new Map<string, { inc(): void }>()

  constructor() {
    const registers = [this.registry]
    this.#requests = new Counter({
      name: 'vouchsafe_requests_total',
      help: 'Requests of the key management API by action and result code.',
      labelNames: ['action', 'code'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'vouchsafe_request_seconds',
      help: 'Time from the request to its answer.',
      labelNames: ['action'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5],
      registers,
    })
    this.#storage = new Histogram({
      name: 'vouchsafe_storage_seconds',
      help: 'Time of storage operations, waiting included.',
      labelNames: ['operation', 'result'],
      buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1, 5],
      registers,
    })
    this.#authorityRequests = new Counter({
      name: 'vouchsafe_authority_requests_total',
      help: 'Requests of the attestation authority by operation and HTTP status.',
      labelNames: ['operation', 'status'],
      registers,
    })
    this.#authoritySeconds = new Histogram({
      name: 'vouchsafe_authority_request_seconds',
      help: 'Time from the headers of a request of the attestation authority to its answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15],
      registers,
    })
    this.#upperCase = new Counter({
      name: 'vouchsafe_upper_case_signatures_total',
      help: 'Requests whose signature was accepted in upper case, by app.',
      labelNames: ['appid'],
      registers,
    })
  }

  readonly observeRequest = (action: string, code: number, seconds: number): void => {
    const key = `${action} ${code}`
    let counter = this.#counters.get(key)
    if (!counter) this.#counters.set(key, (counter = this.#requests.labels(action, String(code))))
    counter.inc()
    this.#seconds.observe({ action }, seconds)
  }

  readonly observeAuthorityRequest = (operation: string, status: number, seconds: number): void => {
    this.#authorityRequests.inc({ operation, status })
    this.#authoritySeconds.observe({ operation }, seconds)
  }

  readonly observeStorage = (operation: string, seconds: number, ok: boolean): void => {
    this.#storage.observe({ operation, result: ok ? 'ok' : 'error' }, seconds)
  }

  readonly countUpperCase = (appid: string): void => this.#upperCase.inc({ appid })

  /** Registers the gauges that are read on demand. */
  connect(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      const metric: Gauge = new Gauge({ name, help, registers: [this.registry], collect: () => metric.set(read()) })
    }
    gauge('vouchsafe_key_cache_keys', 'Unwrapped keys in memory.', () => sources.keyCache().size)
    gauge('vouchsafe_key_cache_hits', 'Uses of keys that were in memory, since start.', () => sources.keyCache().hits)
    gauge('vouchsafe_key_cache_misses', 'Uses of keys that had to be read and unwrapped, since start.', () => sources.keyCache().misses)
    gauge('vouchsafe_app_cache_apps', 'Apps in memory.', () => sources.appCache())
    gauge('vouchsafe_replay_bytes', 'Memory of the replay guard.', () => sources.replay().bytes)
    gauge('vouchsafe_replay_entries', 'Requests that the replay guard remembers.', () => sources.replay().entries)
    gauge('vouchsafe_replay_apps', 'Apps that the replay guard remembers.', () => sources.replay().apps)
    gauge('vouchsafe_replay_shared', '1 while replay records go through the store.', () => Number(sources.replay().shared))
    gauge(
      'vouchsafe_replay_narrowings',
      "Times that an app's window was narrowed for want of memory, since start.",
      () => sources.replay().narrowings,
    )
    gauge('vouchsafe_keys', 'Keys that are not deleted.', () => sources.keys().total)
    gauge('vouchsafe_keys_disabled', 'Disabled keys.', () => sources.keys().disabled)
    gauge('vouchsafe_keys_pending_deletion', 'Deleted keys that can still be restored.', () => sources.keys().pendingDeletion)
    gauge('vouchsafe_keys_expired', 'Expired keys.', () => sources.keys().expired)
    gauge('vouchsafe_keys_expiring_soon', 'Keys that expire within 30 days.', () => sources.keys().expiringSoon)
    gauge('vouchsafe_secrets', 'Secrets, those scheduled for deletion included.', () => sources.secrets().total)
    gauge('vouchsafe_secrets_pending_deletion', 'Secrets scheduled for deletion.', () => sources.secrets().pendingDeletion)
    gauge('vouchsafe_secrets_rotation_failing', 'Secrets whose last rotation failed.', () => sources.secrets().rotationFailing)
    gauge('vouchsafe_secret_rotations', 'Rotations that this server ended, since start.', () => sources.secrets().rotated)
    gauge(
      'vouchsafe_secret_rotation_failures',
      'Tries of rotations that failed on this server, since start.',
      () => sources.secrets().rotationsFailed,
    )
    gauge('vouchsafe_secret_key_cache_keys', 'Unwrapped data keys of secrets in memory.', () => sources.secrets().dataKeys)
    const { authority } = sources
    gauge('vouchsafe_nonces_issued', 'Nonces that this server issued, since start.', () => authority().nonces.issued)
    gauge('vouchsafe_nonces_used', 'Nonces that attestations on this server used, since start.', () => authority().nonces.used)
    gauge(
      'vouchsafe_nonces_refused',
      'Nonces that were expired, forged, foreign or used before, since start.',
      () => authority().nonces.refused,
    )
    gauge(
      'vouchsafe_measurements_verified',
      'Measurements whose evidence verified on this server, since start.',
      () => authority().measurements.verified,
    )
    gauge('vouchsafe_measurements_refused', 'Measurements that were refused, since start.', () => authority().measurements.refused)
    gauge(
      'vouchsafe_ak_certificates_issued',
      'Certificates of attestation keys that this server issued, since start.',
      () => authority().akCertificates.issued,
    )
    gauge('vouchsafe_ak_certificates_revoked', 'Those that it revoked, since start.', () => authority().akCertificates.revoked)
    gauge('vouchsafe_tokens_issued', 'Attestation tokens that this server issued, since start.', () => authority().tokens.issued)
    gauge('vouchsafe_tokens_verified', 'Attestation tokens that passed token/verify, since start.', () => authority().tokens.verified)
    gauge('vouchsafe_tokens_refused', 'Attestation tokens that failed token/verify, since start.', () => authority().tokens.refused)
    gauge(
      'vouchsafe_rows_resigned',
      'Rows that were signed anew after rotations of the FSK, since start.',
      () => authority().resigning.signed,
    )
    gauge('vouchsafe_rows_altered', 'Rows that were found altered at that, since start.', () => authority().resigning.altered)
    gauge(
      'vouchsafe_certificates',
      'Certificates that users of the attestation authority store.',
      () => authority().certificates.certificates,
    )
    gauge('vouchsafe_certificates_expired', 'Those that have expired.', () => authority().certificates.expired)
    gauge('vouchsafe_certificates_expiring_soon', 'Those that expire within 30 days.', () => authority().certificates.expiringSoon)
    gauge('vouchsafe_crls', 'CRLs that users of the attestation authority store.', () => authority().certificates.crls)
    gauge('vouchsafe_crls_stale', 'Those that are past their next update.', () => authority().certificates.staleCrls)
    gauge('vouchsafe_appraisals_waiting', 'Appraisals, trials of policies and baselines that wait.', () => authority().appraisals.waiting)
    gauge('vouchsafe_appraisal_workers_busy', 'Threads that appraise, try policies or read baselines.', () => authority().appraisals.busy)
    gauge('vouchsafe_appraisals_done', 'What these threads have done, since start.', () => authority().appraisals.done)
    gauge(
      'vouchsafe_appraisals_stopped',
      'Jobs of these threads that took too long or too much memory and were ended, since start.',
      () => authority().appraisals.stopped,
    )
    gauge('vouchsafe_crypto_queue', 'Jobs that wait for a crypto worker.', () => sources.cryptoQueue())
    gauge('vouchsafe_quote_collateral_days_left', 'Days until the first collateral for quotes expires; NaN while none is held.', () =>
      sources.collateralDaysLeft(),
    )
    gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
    gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.', () => performance.timeOrigin / 1000)
  }
}
