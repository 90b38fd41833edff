/**
 * Refusals of callers that could not prove their identity: recorded, but bounded so that no one can fill the disk with them. Frequent
 * refusals are counted, and the count is recorded; nothing is dropped silently.
 */
import type { Runtime } from '../foundation/index.ts'

/** How long one window of a claimed caller lasts. */
const WINDOW_MS = 60_000
/** Individual records per window; the rest becomes one record with a count. */
const SINGLE = 20
/** The most claimed callers that are distinguished; all others count as one. */
const MAX_CLAIMS = 1_000
/** Characters that are kept of a claimed name: no real one is longer, and a caller can send a hundred thousand. */
const MAX_CLAIMED_CHARS = 64

/** A refusal, with its number of occurrences; 1 for an individual record. */
export interface Refusal {
  /** The name that the caller claims; '' if it claims nothing that could be a name. */
  claimed: string
  action: string
  outcome: string
  requestId: string
  count: number
}

interface Window {
  until: number
  seen: number
  /** The last refusal that was only counted. */
  last: Omit<Refusal, 'count'> | undefined
}

export class RefusalLimit {
  readonly #runtime: Runtime
  readonly #record: (refusal: Refusal) => void
  readonly #windows = new Map<string, Window>()

  constructor(runtime: Runtime, record: (refusal: Refusal) => void) {
    this.#runtime = runtime
    this.#record = record
  }

  /** Records a refusal, at once or in its window's count. */
  note({ claimed, ...rest }: Omit<Refusal, 'count'>): void {
    const refusal = { ...rest, claimed: claimed.slice(0, MAX_CLAIMED_CHARS) }
    const own = `${refusal.claimed} ${refusal.outcome}`
    const isKnown = this.#windows.has(own) || this.#windows.size < MAX_CLAIMS
    const key = isKnown ? own : ''
    const noted = isKnown ? refusal : { ...refusal, claimed: '' }
    let window = this.#windows.get(key)
    if (!window) this.#windows.set(key, (window = { until: this.#runtime.monotonic() + WINDOW_MS, seen: 0, last: undefined }))
    window.seen++
    if (window.seen <= SINGLE) this.#record({ ...noted, count: 1 })
    else window.last = noted
  }

  /** Records the counts of the windows that have ended; of all windows with `all`. To be called periodically. */
  sweep(all = false): void {
    const now = this.#runtime.monotonic()
    for (const [key, { until, seen, last }] of this.#windows) {
      if (!all && until > now) continue
      this.#windows.delete(key)
      if (last) this.#record({ ...last, count: seen - SINGLE })
    }
  }
}
