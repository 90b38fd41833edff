/** The comparison of the store with the trail, at the start and then every hour. */
import type { Log } from '../foundation/index.ts'
import type { TrailFault, TrailReport } from './trail-check.ts'

const HOUR_MS = 60 * 60 * 1000
/** Faults that the log names; a report of `vouchsafe trail check` has more. */
const NAMED = 20

export class TrailWatch implements AsyncDisposable {
  readonly #check: () => Promise<TrailReport>
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #running: Promise<TrailReport> | undefined
  /** The faults that the last check found; for metrics and readiness. */
  faults: readonly TrailFault[] = []

  constructor(check: () => Promise<TrailReport>, log: Log) {
    this.#check = check
    this.#log = log
  }

  /** Checks every hour from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.run().catch((error: unknown) => this.#log.warn({ err: error }, 'the store could not be compared with the trail'))
    }, HOUR_MS)
    this.#timer.unref()
  }

  /** Checks now, after a check that is under way, and says loudly what is wrong. */
  async run(): Promise<TrailReport> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined)
    this.#running = this.#check()
      .then((report) => {
        this.faults = report.faults
        if (report.faults.length > 0)
          this.#log.error(
            { faults: report.faults.slice(0, NAMED), all: report.faults.length + report.more },
            'the store is not what the trail says',
          )
        return report
      })
      .finally(() => (this.#running = undefined))
    return this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#running?.catch(() => undefined)
  }
}

/** The first faults in words. */
export function nameFaults(faults: readonly TrailFault[]): string[] {
  return faults.slice(0, NAMED).map(({ fault, table, id }) => `${table} ${id} (${fault.replace('_', ' ')})`)
}

/** The faults in words, for a refusal to start. */
export function describeFaults({ faults, more }: Pick<TrailReport, 'faults' | 'more'>): string {
  const named = nameFaults(faults)
  const rest = faults.length - named.length + more
  return `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
