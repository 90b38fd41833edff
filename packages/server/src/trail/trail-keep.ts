/** Removes the oldest entries of the trail, and the files of records of calls that are as old, once they are more than is to be kept. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Log, Runtime } from '../foundation/index.ts'
import type { AuditRow, Storage, TrailBeginning, TrailPlace } from '../storage/index.ts'

const HOUR_MS = 60 * 60 * 1000
/** Entries of one transaction: eight bundles. */
const AT_ONCE = 2_048

/** What is kept: what is younger than `ageMs`, and of that at most the newest `entries`; null for no such limit. */
export interface Keep {
  ageMs: number | null
  entries: number | null
}

export interface TrailKeepServices {
  storage: Pick<Storage, 'trailBeginnings' | 'trailCut' | 'pruneTrail'>
  runtime: Runtime
  log: Log
  /** Removes files of records that nothing was written to since a time; returns how many. */
  removeRecords: (before: number) => Promise<number>
}

export interface PruneReport {
  /** Entries. */
  removed: number
  files: number
  /** Where what is kept begins now; null if nothing was ever removed. */
  beginning: TrailBeginning | null
}

export class TrailKeep implements AsyncDisposable {
  /** As configured; undefined to keep everything. */
  readonly keep: Keep | undefined
  readonly #services: TrailKeepServices
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> | undefined
  #ending = false

  constructor(services: TrailKeepServices, keep: Keep | undefined) {
    this.#services = services
    this.keep = keep
  }

  /** Removes what is too old now, and every hour from now on, if anything is ever to be removed. */
  start(): void {
    const { keep } = this
    if (keep === undefined) return
    const { runtime, log } = this.#services
    const round = () => {
      const audit: AuditRow = {
        ...{ at: runtime.now(), tenant: '', actor: 'system', action: 'PruneTrail', object: '', result: 'ok', requestId: '' },
      }
      this.#running ??= this.prune(keep, audit)
        .catch((error: unknown) =>
          log.warn({ err: error }, 'older entries of the trail could not be removed, and are tried again in an hour'),
        )
        .finally(() => (this.#running = undefined))
    }
    this.#timer = setInterval(round, HOUR_MS)
    this.#timer.unref()
    round()
  }

  /** Removes now what is not to be kept. */
  async prune({ ageMs, entries }: Keep, audit: AuditRow): Promise<PruneReport> {
    const { storage, runtime, log, removeRecords } = this.#services
    const until = await storage.trailCut({ before: ageMs === null ? null : runtime.now() - ageMs, newest: entries })
    const removed = until === null ? 0 : await this.#removeEntries(until, audit)
    const beginning = (await storage.trailBeginnings()).at(-1) ?? null
    // Also where another server removed the entries: each has records of its own.
    const files = beginning === null ? 0 : await removeRecords(beginning.firstAt)
    if (removed > 0 || files > 0)
      log.info({ removed, files, ...beginning }, 'older entries of the trail, or records of calls, were removed')
    return { removed, files, beginning }
  }

  async #removeEntries(until: TrailPlace, audit: AuditRow): Promise<number> {
    for (let removed = 0; ;) {
      const pruned = await this.#services.storage.pruneTrail({ until, limit: AT_ONCE, audit })
      removed += pruned.removed
      if (pruned.removed === 0 || this.#ending) return removed
      await nextTurn()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#ending = true
    await this.#running
  }
}
