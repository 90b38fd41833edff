/**
 * Refusals of callers that could not prove who they are: recorded, but not so that anybody can fill the disk with them. What comes too often
 * is counted, and the count is recorded; nothing is dropped silently.
 */
import type { Runtime } from '../foundation/index.ts'

/** How long one window of a claimed caller lasts. */
const WINDOW_MS = 60_000
/** Records of their own in a window; the rest is one record with a count. */
const SINGLE = 20
/** Claimed callers that are told apart; beyond them, all others are one. */
const MAX_CLAIMS = 1_000

/** A refusal, with how often it came; 1 for a record of its own. */
export interface Refusal {
  /** Who the caller says it is; ''  where it says nothing that could be a name. */
  claimed: string
  action: string
  outcome: string
  requestId: string
  count: number
}

interface Window {
  until: number
  seen: number
  /** The last of those that were only counted. */
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
  note(refusal: Omit<Refusal, 'count'>): void {
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

  /** Records the counts of the windows that have ended; of all windows with `all`. Call it now and then. */
  sweep(all = false): void {
    const now = this.#runtime.monotonic()
    for (const [key, { until, seen, last }] of this.#windows) {
      if (!all && until > now) continue
      this.#windows.delete(key)
      if (last) this.#record({ ...last, count: seen - SINGLE })
    }
  }
}
