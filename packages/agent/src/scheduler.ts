// Attests unasked: at the start after a random delay, then by cron expression or interval; failures are tried again with growing, random pauses.
import type { Schedule } from './config.ts'
import { messageOf } from './errors.ts'
import type { Log } from './log.ts'

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 300_000
/** Timers of Node end at 2^31 milliseconds. */
const LONGEST_SLEEP_MS = 3_600_000

/** How the last attestation ended; `at` in milliseconds since 1970. */
export interface LastResult {
  readonly at: number
  readonly outcome: 'ok' | 'failed'
  /** What failed, or the `status` of the token. */
  readonly detail: string
  /** Tries that it took. */
  readonly tries: number
}

export interface SchedulerOptions {
  schedule: Schedule
  /** Attests and returns the `status` of the token. */
  attest: () => Promise<string>
  log: Log
  now: () => number
  /** From 0 to below 1. */
  random: () => number
  /** Waits; rejects when the signal aborts. */
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** Told of each result, once its tries are over. */
  onResult?: (result: LastResult) => void
}

export interface Scheduler extends AsyncDisposable {
  readonly last: LastResult | undefined
}

/** Begins at once; disposing ends it after the attestation under way. */
export function startScheduler({ schedule, attest, log, now, random, sleep, onResult }: SchedulerOptions): Scheduler {
  const stop = new AbortController()
  let last: LastResult | undefined

  async function sleepUntil(time: number): Promise<void> {
    // In parts, so that a clock that is set or a machine that slept is noticed.
    for (let start = now(), end = time; start < end;) {
      const part = Math.min(end - start, LONGEST_SLEEP_MS)
      await sleep(part, stop.signal)
      // A clock that was years ahead is set back: the rest of the wait is no longer for that.
      if (now() < start) end -= start + part - now()
      start = now()
    }
    stop.signal.throwIfAborted()
  }

  async function attestWithRetries(): Promise<LastResult> {
    for (let tries = 1; ; tries++) {
      try {
        return { at: now(), outcome: 'ok', detail: await attest(), tries }
      } catch (error) {
        const detail = messageOf(error)
        if (tries > schedule.maxRetries) return { at: now(), outcome: 'failed', detail, tries }
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS) * (0.5 + random() / 2)
        log.warn('attestation failed, trying again', { error: detail, tries, pauseSeconds: Math.round(pause / 1000) })
        await sleepUntil(now() + pause)
      }
    }
  }

  async function run(): Promise<void> {
    const { min, max } = schedule.initialDelay
    await sleepUntil(now() + min + random() * (max - min))
    for (;;) {
      const started = now()
      last = await attestWithRetries()
      const values = { detail: last.detail, tries: last.tries }
      if (last.outcome === 'ok') log.info('attested', values)
      else log.error('attestation failed', values)
      onResult?.(last)
      // What is overdue by now is left out: after a long outage there is one attestation, not many.
      await sleepUntil(schedule.cron?.next(now()) ?? Math.max(started + schedule.interval, now()))
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) log.error('the scheduler has ended', { error: messageOf(error) })
  })
  return {
    get last() {
      return last
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
