import type { Log } from './log.ts'
import type { Runtime } from './runtime.ts'

/** A wall clock that gains this much on the monotonic one between two looks was set by someone. */
const LEAP_MS = 10 * 60 * 1000
/** How long nothing is destroyed after a leap ahead: time for someone to notice. */
const HOLD_MS = 60 * 60 * 1000

/** Detects a wall clock that is set ahead while the server runs: whatever is destroyed because of it cannot be restored. */
export class ClockWatch {
  readonly #runtime: Runtime
  readonly #log: Log
  /** Wall clock minus monotonic clock at the last look. */
  #offset: number
  /** The offset before the leap that is being held for. */
  #before: number | undefined
  #heldUntil = -Infinity

  constructor(runtime: Runtime, log: Log) {
    this.#runtime = runtime
    this.#log = log
    this.#offset = runtime.now() - runtime.monotonic()
  }

  /** Whether the clock was set ahead within the last hour and not set back since. */
  jumped(): boolean {
    const monotonic = this.#runtime.monotonic()
    const offset = this.#runtime.now() - monotonic
    const leap = offset - this.#offset
    if (leap > LEAP_MS) {
      this.#before ??= this.#offset
      this.#heldUntil = monotonic + HOLD_MS
      this.#log.warn({ minutes: Math.round(leap / 60_000) }, 'the clock was moved ahead: nothing is destroyed for an hour')
    } else if (this.#before !== undefined && offset - this.#before <= LEAP_MS) {
      this.#heldUntil = -Infinity
    }
    this.#offset = offset
    const held = monotonic < this.#heldUntil
    if (!held) this.#before = undefined
    return held
  }
}
