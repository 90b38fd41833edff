/** Whether a change would succeed now, and what stands in its way otherwise. */
import { statfsSync } from 'node:fs'
import type { Envelope } from '../envelope/index.ts'
import type { ReplayGuard } from '../replay/index.ts'
import type { Storage } from '../storage/index.ts'
import { nameFaults, type Sequencer, type Trail, type TrailFault, type TrailWatch, type Witnesses } from '../trail/index.ts'
import type { ProcessMetricSources } from './metrics.ts'

/**
 * - `store`: the store doesn't answer
 * - `store_write`: the server's last write failed, or none has succeeded for {@link MAX_WRITE_AGE_MS}
 * - `disk`: less than {@link MIN_FREE_BYTES} are free where the data directory is
 * - `trail`: calls can't be recorded, and so are refused
 * - `trail_altered`: the store is not what its trail says, or its trail was altered: nothing more is signed
 * - `domain_keys`: the server doesn't hold the store's domain keys, so it can neither seal nor open
 */
export type Unready = 'store' | 'store_write' | 'disk' | 'trail' | 'trail_altered' | 'domain_keys'

/** A server writes every second; one that takes so long is stuck. */
const MAX_WRITE_AGE_MS = 10_000
/** Room for what the trail and the database's own log may grow by before anyone can look. */
export const MIN_FREE_BYTES = 64 * 1024 * 1024
const ANSWER_MS = 2_000

export interface ReadinessOptions {
  storage: Pick<Storage, 'ping'>
  replay: Pick<ReplayGuard, 'lastWrite'>
  trail: Pick<Trail, 'hasRoom' | 'statistics'>
  sequencer: Pick<Sequencer, 'incident' | 'problem' | 'statistics'>
  trailWatch: Pick<TrailWatch, 'faults'>
  witnesses: Pick<Witnesses, 'contradictions'>
  envelope: Pick<Envelope, 'usable'>
  /** Bytes free where the data directory is, NaN if that can't be told. */
  freeBytes: () => number
}

export class Readiness {
  readonly #options: ReadinessOptions

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** Nothing if a change would succeed. */
  async check(): Promise<Unready[]> {
    const { replay, trail, sequencer, trailWatch, envelope } = this.#options
    const { ageMs, failing } = replay.lastWrite
    const reasons: Unready[] = []
    if (!(await this.#answers())) reasons.push('store')
    else if (failing || ageMs > MAX_WRITE_AGE_MS) reasons.push('store_write')
    // NaN fails the comparison.
    if (!(this.#options.freeBytes() >= MIN_FREE_BYTES)) reasons.push('disk')
    if (!trail.hasRoom) reasons.push('trail')
    if (sequencer.problem !== undefined || trailWatch.faults.some(isProven)) reasons.push('trail_altered')
    if (!envelope.usable) reasons.push('domain_keys')
    return reasons
  }

  /**
   * What was found wrong with the store or its trail, in words; for operators, since it names rows. What a witness says stands here too, but takes
   * no server out of service, since witnesses may err.
   */
  get findings(): string[] {
    const { sequencer, trailWatch, witnesses } = this.#options
    const found = nameFaults(trailWatch.faults.filter((fault) => isProven(fault) && fault.id !== sequencer.incident))
    return [...(sequencer.incident === undefined ? [] : [sequencer.incident]), ...found, ...witnesses.contradictions]
  }

  /** For metrics. */
  get statistics(): ReturnType<ProcessMetricSources['readiness']> {
    const { replay, trail, sequencer, trailWatch, envelope, freeBytes } = this.#options
    const { ageMs: writeAgeMs, failing: writeFailing } = replay.lastWrite
    const { waitingBytes: trailBytes, failing: trailFailing, lostFiles: trailFilesLost } = trail.statistics
    const { size: trailEntries, waiting: trailWaiting } = sequencer.statistics
    const logged = { trailEntries, trailWaiting, trailFaults: trailWatch.faults.length }
    return {
      writeAgeMs,
      writeFailing,
      freeBytes: freeBytes(),
      domainKeys: envelope.usable,
      trailBytes,
      trailFailing,
      trailFilesLost,
      ...logged,
    }
  }

  async #answers(): Promise<boolean> {
    const late = AbortSignal.timeout(ANSWER_MS)
    const timeout = new Promise<boolean>((resolve) => late.addEventListener('abort', () => resolve(false), { once: true }))
    return Promise.race([
      this.#options.storage.ping().then(
        () => true,
        () => false,
      ),
      timeout,
    ])
  }
}

function isProven({ fault }: TrailFault): boolean {
  return fault !== 'contradicted'
}

/** Bytes that this process may still write under a folder; NaN if that can't be told. */
export function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return NaN
  }
}
