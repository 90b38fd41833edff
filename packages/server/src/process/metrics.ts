import { Counter, Gauge, Registry } from 'prom-client'
import { DurationHistogram } from './duration-histogram.ts'

/** What each thread's metrics are read from on demand; counters are numbers that only grow while the server runs. */
export interface ThreadMetricSources {
  keyCache(): { size: number; hits: number; misses: number }
  appCache(): number
  /** Unwrapped data keys of secrets. */
  dataKeys(): number
  cryptoQueue(): number
  authority(): {
    nonces: { issued: number; used: number; refused: number }
    tokens: { issued: number; verified: number; refused: number }
    measurements: { verified: number; refused: number }
    akCertificates: { issued: number; revoked: number }
    resigning: { signed: number; altered: number }
    appraisals: { waiting: number; busy: number; done: number; stopped: number }
  }
}

/** What the metrics of the process are read from, which it has once. */
export interface ProcessMetricSources {
  threads(): { serving: number; replaced: number }
  replay(): { bytes: number; entries: number; apps: number; shared: boolean; narrowings: number }
  readiness(): {
    writeAgeMs: number
    writeFailing: boolean
    freeBytes: number
    domainKeys: boolean
    trailBytes: number
    trailFailing: boolean
    trailFilesLost: number
    trailEntries: number
    trailWaiting: number
    trailFaults: number
  }
  keys(): { total: number; disabled: number; pendingDeletion: number; expired: number; expiringSoon: number }
  secrets(): {
    total: number
    pendingDeletion: number
    rotationFailing: number
    rotated: number
    rotationsFailed: number
  }
  /** In the order of the configuration. */
  witnesses(): { cosigned: number[]; contradicting: boolean[]; failures: number }
  collateralDaysLeft(): number
  certificates(): { certificates: number; expired: number; expiringSoon: number; crls: number; staleCrls: number }
}

/** The server's metrics, in Prometheus' names and units (seconds, bytes). */
export class Metrics {
  readonly registry = new Registry()
  /** By action and code; what the registry reads of it is made when it asks. */
  readonly #requests = new Map<string, Map<number, number>>()
  readonly #seconds: DurationHistogram
  readonly #storage: DurationHistogram
  readonly #upperCase: Counter
  readonly #alteredRows: Counter<'table'>
  readonly #authorityRequests: Counter<'operation' | 'status'>
  readonly #authoritySeconds: DurationHistogram

  constructor() {
    const registers = [this.registry]
    const requests: Counter<'action' | 'code'> = new Counter({
      name: 'vouchsafe_requests_total',
      help: 'Key management API requests by action and result code.',
      labelNames: ['action', 'code'],
      registers,
      collect: () => {
        requests.reset()
        for (const [action, counts] of this.#requests) for (const [code, count] of counts) requests.inc({ action, code }, count)
      },
    })
    this.#seconds = new DurationHistogram({
      name: 'vouchsafe_request_seconds',
      help: 'Duration of key management API requests in seconds.',
      labelNames: ['action'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5],
      registers,
    })
    this.#storage = new DurationHistogram({
      name: 'vouchsafe_storage_seconds',
      help: 'Duration of storage operations in seconds, including time spent waiting.',
      labelNames: ['operation', 'result'],
      buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1, 5],
      registers,
    })
    this.#authorityRequests = new Counter({
      name: 'vouchsafe_authority_requests_total',
      help: 'Attestation authority requests by operation and HTTP status.',
      labelNames: ['operation', 'status'],
      registers,
    })
    this.#authoritySeconds = new DurationHistogram({
      name: 'vouchsafe_authority_request_seconds',
      help: 'Duration of attestation authority requests in seconds, from their headers to the answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15],
      registers,
    })
    this.#alteredRows = new Counter({
      name: 'vouchsafe_altered_rows_total',
      help: 'Rows of the store that were found altered by someone else, and are not used; each counts once.',
      labelNames: ['table'],
      registers,
    })
    this.#upperCase = new Counter({
      name: 'vouchsafe_upper_case_signatures_total',
      help: 'Requests accepted with an upper-case signature.',
      registers,
    })
  }

  readonly observeRequest = (action: string, code: number, seconds: number): void => {
    let counts = this.#requests.get(action)
    if (counts === undefined) this.#requests.set(action, (counts = new Map()))
    counts.set(code, (counts.get(code) ?? 0) + 1)
    this.#seconds.observe(seconds, action)
  }

  readonly observeAuthorityRequest = (operation: string, status: number, seconds: number): void => {
    this.#authorityRequests.inc({ operation, status })
    this.#authoritySeconds.observe(seconds, operation)
  }

  readonly observeStorage = (operation: string, seconds: number, ok: boolean): void => {
    this.#storage.observe(seconds, operation, ok ? 'ok' : 'error')
  }

  readonly countAlteredRow = (table: string): void => this.#alteredRows.inc({ table })

  readonly countUpperCase = (): void => this.#upperCase.inc()

  /** Registers what a thread's metrics are read from: gauges, and counters of what their sources have counted since the start. */
  connectThread(sources: ThreadMetricSources): void {
    const { gauge, counter } = this.#readers()
    const { authority } = sources

    gauge('vouchsafe_key_cache_keys', 'Unwrapped keys in memory.', () => sources.keyCache().size)
    counter('vouchsafe_key_cache_hits_total', 'Key uses served from memory.', () => sources.keyCache().hits)
    counter('vouchsafe_key_cache_misses_total', 'Key uses that had to read and unwrap the key.', () => sources.keyCache().misses)
    gauge('vouchsafe_app_cache_apps', 'Apps in memory.', () => sources.appCache())
    gauge('vouchsafe_crypto_queue', 'Jobs waiting for a crypto worker.', () => sources.cryptoQueue())

    gauge('vouchsafe_secret_key_cache_keys', 'Unwrapped data keys of secrets in memory.', () => sources.dataKeys())

    counter('vouchsafe_nonces_issued_total', 'Nonces issued by this server.', () => authority().nonces.issued)
    counter('vouchsafe_nonces_used_total', 'Nonces used up by attestations on this server.', () => authority().nonces.used)
    counter(
      'vouchsafe_nonces_refused_total',
      "Nonces refused as expired, forged, another user's or already used.",
      () => authority().nonces.refused,
    )
    counter(
      'vouchsafe_measurements_verified_total',
      'Measurements whose evidence was verified by this server.',
      () => authority().measurements.verified,
    )
    counter('vouchsafe_measurements_refused_total', 'Measurements refused by this server.', () => authority().measurements.refused)
    counter(
      'vouchsafe_ak_certificates_issued_total',
      'Certificates for attestation keys issued by this server.',
      () => authority().akCertificates.issued,
    )
    counter(
      'vouchsafe_ak_certificates_revoked_total',
      'Certificates for attestation keys revoked by this server.',
      () => authority().akCertificates.revoked,
    )
    counter('vouchsafe_tokens_issued_total', 'Attestation tokens issued by this server.', () => authority().tokens.issued)
    counter('vouchsafe_tokens_verified_total', 'Attestation tokens accepted by token/verify.', () => authority().tokens.verified)
    counter('vouchsafe_tokens_refused_total', 'Attestation tokens rejected by token/verify.', () => authority().tokens.refused)
    counter('vouchsafe_rows_resigned_total', 'Rows re-signed after rotations of the FSK.', () => authority().resigning.signed)
    counter('vouchsafe_rows_altered_total', 'Altered rows found while re-signing.', () => authority().resigning.altered)

    gauge('vouchsafe_appraisals_waiting', 'Jobs waiting for an appraisal worker.', () => authority().appraisals.waiting)
    gauge(
      'vouchsafe_appraisal_workers_busy',
      'Workers busy appraising evidence, trying policies or reading baselines.',
      () => authority().appraisals.busy,
    )
    counter('vouchsafe_appraisals_done_total', 'Jobs completed by the appraisal workers.', () => authority().appraisals.done)
    counter(
      'vouchsafe_appraisals_stopped_total',
      'Appraisal jobs stopped for exceeding their time or memory limit.',
      () => authority().appraisals.stopped,
    )
  }

  /** Registers what the process's metrics are read from. */
  connectProcess(sources: ProcessMetricSources): void {
    const registers = [this.registry]
    const { gauge, counter } = this.#readers()
    const { certificates } = sources

    gauge('vouchsafe_serving_threads', 'Threads that serve the API.', () => sources.threads().serving)
    counter('vouchsafe_serving_threads_replaced_total', 'Serving threads that died and were replaced.', () => sources.threads().replaced)

    gauge('vouchsafe_replay_bytes', 'Memory used by the replay guard.', () => sources.replay().bytes)
    gauge('vouchsafe_replay_entries', 'Requests remembered by the replay guard.', () => sources.replay().entries)
    gauge('vouchsafe_replay_apps', 'Apps known to the replay guard.', () => sources.replay().apps)
    gauge('vouchsafe_replay_shared', 'Location of replay records: 1 for the store, 0 for memory.', () => Number(sources.replay().shared))
    counter('vouchsafe_replay_narrowings_total', 'Replay windows of apps narrowed for lack of memory.', () => sources.replay().narrowings)

    const { readiness } = sources
    gauge(
      'vouchsafe_store_write_age_seconds',
      "Age of this server's last successful heartbeat in the store in seconds.",
      () => readiness().writeAgeMs / 1000,
    )
    gauge('vouchsafe_store_write_failing', "Outcome of this server's last heartbeat in the store: 1 for failure, 0 for success.", () =>
      Number(readiness().writeFailing),
    )
    gauge('vouchsafe_disk_free_bytes', 'Free bytes on the disk of the data directory; NaN if unknown.', () => readiness().freeBytes)
    gauge('vouchsafe_domain_keys_usable', "State of the store's domain keys on this server: 1 for usable, 0 for not.", () =>
      Number(readiness().domainKeys),
    )
    gauge('vouchsafe_trail_entries', "Entries in the trail's tree.", () => readiness().trailEntries)
    gauge('vouchsafe_trail_waiting_entries', 'Entries of the trail that its tree does not hold yet.', () => readiness().trailWaiting)
    gauge('vouchsafe_trail_faults', 'Rows and entries that were not as the trail says at the last check.', () => readiness().trailFaults)
    gauge('vouchsafe_trail_waiting_bytes', 'Bytes of the trail waiting for the disk.', () => readiness().trailBytes)
    gauge(
      'vouchsafe_trail_failing',
      'Outcome of the last write to the trail: 1 for failure, so that calls are refused, 0 for success.',
      () => Number(readiness().trailFailing),
    )
    counter(
      'vouchsafe_trail_files_lost_total',
      'Files of the trail removed, replaced or shortened by others while this server was writing them.',
      () => readiness().trailFilesLost,
    )

    gauge('vouchsafe_keys', 'Keys that are not deleted.', () => sources.keys().total)
    gauge('vouchsafe_keys_disabled', 'Disabled keys.', () => sources.keys().disabled)
    gauge('vouchsafe_keys_pending_deletion', 'Deleted keys that can still be restored.', () => sources.keys().pendingDeletion)
    gauge('vouchsafe_keys_expired', 'Expired keys.', () => sources.keys().expired)
    gauge('vouchsafe_keys_expiring_soon', 'Keys expiring within 30 days.', () => sources.keys().expiringSoon)

    gauge('vouchsafe_secrets', 'Secrets, including those scheduled for deletion.', () => sources.secrets().total)
    gauge('vouchsafe_secrets_pending_deletion', 'Secrets scheduled for deletion.', () => sources.secrets().pendingDeletion)
    gauge('vouchsafe_secrets_rotation_failing', 'Secrets whose last rotation failed.', () => sources.secrets().rotationFailing)
    counter('vouchsafe_secret_rotations_total', 'Secret rotations completed by this server.', () => sources.secrets().rotated)
    counter(
      'vouchsafe_secret_rotation_failures_total',
      'Failed attempts of this server to rotate a secret.',
      () => sources.secrets().rotationsFailed,
    )

    const cosigned: Gauge<'witness'> = new Gauge({
      name: 'vouchsafe_trail_witness_cosigned_entries',
      help: "Entries of the trail that a witness has cosigned, by the witness's place in witness-url.",
      labelNames: ['witness'],
      registers,
      collect: () => sources.witnesses().cosigned.forEach((size, i) => cosigned.set({ witness: String(i + 1) }, size)),
    })
    counter(
      'vouchsafe_trail_witness_failures_total',
      "Requests for a witness's cosignature that failed.",
      () => sources.witnesses().failures,
    )
    const contradicting: Gauge<'witness'> = new Gauge({
      name: 'vouchsafe_trail_witness_contradicting',
      help: "Word of a witness on the log under the trail's name: 1 if it knows another, 0 otherwise.",
      labelNames: ['witness'],
      registers,
      collect: () =>
        sources.witnesses().contradicting.forEach((contradicts, i) => contradicting.set({ witness: String(i + 1) }, Number(contradicts))),
    })

    gauge('vouchsafe_certificates', 'Certificates stored by users of the attestation authority.', () => certificates().certificates)
    gauge('vouchsafe_certificates_expired', 'Stored certificates that have expired.', () => certificates().expired)
    gauge('vouchsafe_certificates_expiring_soon', 'Stored certificates expiring within 30 days.', () => certificates().expiringSoon)
    gauge('vouchsafe_crls', 'CRLs stored by users of the attestation authority.', () => certificates().crls)
    gauge('vouchsafe_crls_stale', 'Stored CRLs past their next update.', () => certificates().staleCrls)

    gauge('vouchsafe_quote_collateral_days_left', 'Days until the first quote collateral expires; NaN while none is held.', () =>
      sources.collateralDaysLeft(),
    )
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss())
    gauge('process_start_time_seconds', 'Start time of the process since the Unix epoch in seconds.', () => performance.timeOrigin / 1000)
  }
  #readers() {
    const registers = [this.registry]
    return {
      gauge(name: string, help: string, read: () => number): void {
        const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) })
      },
      counter(name: string, help: string, read: () => number): void {
        const collect = () => {
          metric.reset()
          metric.inc(read())
        }
        const metric: Counter = new Counter({ name, help, registers, collect })
      },
    }
  }
}
