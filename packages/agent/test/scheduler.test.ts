import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schedule } from '../src/config.ts'
import { readCron } from '../src/cron.ts'
import { createLog } from '../src/log.ts'
import { startScheduler } from '../src/scheduler.ts'
import type { LastResult } from '../src/scheduler.ts'

const SCHEDULE: Schedule = { cron: undefined, interval: 3_600_000, initialDelay: { min: 1000, max: 61_000 }, maxRetries: 3 }

/** Runs a scheduler on a clock that jumps from one wait to the next, until so many results are there; gives when it attested, and the results. */
async function simulate(schedule: Schedule, attest: (time: number) => Promise<string>, count: number, { random = 0.5, start = 0 } = {}) {
  let time = start
  const times: number[] = []
  const results: LastResult[] = []
  const done = Promise.withResolvers<void>()
  await using scheduler = startScheduler({
    schedule,
    log: createLog('error', process.stderr, () => time),
    now: () => time,
    random: () => random,
    async sleep(milliseconds, signal) {
      // Real waits end with the signal; here the clock stands still once enough has happened.
      if (results.length >= count) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      time += milliseconds
    },
    async attest() {
      times.push(time)
      return await attest(time)
    },
    onResult(result) {
      results.push(result)
      if (results.length >= count) done.resolve()
    },
  })
  await done.promise
  assert.deepEqual(scheduler.last, results.at(-1))
  return { times, results }
}

test('the first attestation comes after a random delay, the others at the interval', async () => {
  const { times } = await simulate(SCHEDULE, async () => 'pass', 3)
  assert.deepEqual(times, [31_000, 3_631_000, 7_231_000])
  const early = await simulate(SCHEDULE, async () => 'pass', 1, { random: 0 })
  assert.deepEqual(early.times, [1000])
})

test('a cron expression decides instead of the interval', async () => {
  const cron = readCron('0 */6 * * *', 'cron')
  const { times } = await simulate({ ...SCHEDULE, cron }, async () => 'pass', 3, { random: 0, start: Date.UTC(2026, 0, 1, 1) })
  assert.deepEqual(times, [Date.UTC(2026, 0, 1, 1, 0, 1), Date.UTC(2026, 0, 1, 6), Date.UTC(2026, 0, 1, 12)])
})

test('failures are tried again after growing pauses with jitter, and the schedule goes on when all tries failed', async () => {
  const away = async (time: number) => {
    if (time < 3_000_000) throw new Error('Network error: the server is away')
    return 'pass'
  }
  const { times, results } = await simulate(SCHEDULE, away, 2, { random: 0 })
  // Half of 2, 4 and 8 seconds, since the random half is zero.
  assert.deepEqual(times.slice(0, 4), [1000, 2000, 4000, 8000])
  assert.deepEqual(results, [
    { at: 8000, outcome: 'failed', detail: 'Network error: the server is away', tries: 4 },
    { at: 3_601_000, outcome: 'ok', detail: 'pass', tries: 1 },
  ])
  const jittered = await simulate(SCHEDULE, away, 1, { random: 1 - Number.EPSILON })
  assert.deepEqual(
    jittered.times.map((time) => Math.round(time - jittered.times[0]!)),
    [0, 2000, 6000, 14_000],
  )
})

test('a pause is never longer than five minutes', async () => {
  const fails = async () => {
    throw new Error('no')
  }
  const { times } = await simulate({ ...SCHEDULE, maxRetries: 20, interval: 86_400_000 }, fails, 1, { random: 1 - Number.EPSILON })
  const pauses = times.slice(1).map((time, i) => Math.round(time - times[i]!))
  assert.equal(Math.max(...pauses), 300_000)
})

test('what became due during a long attestation is left out, not made up for', async () => {
  let time = 0
  const { times } = await simulate({ ...SCHEDULE, interval: 1000, initialDelay: { min: 0, max: 0 } }, async (at) => String((time = at)), 3)
  assert.deepEqual(times, [0, 1000, 2000])
  assert.equal(time, 2000)
})

test('a clock that is set back by years does not make the next attestation wait for as long', async () => {
  const year = 365 * 86_400_000
  let time = 20 * year
  const slept = { total: 0 }
  const attested: number[] = []
  const done = Promise.withResolvers<void>()
  await using _scheduler = startScheduler({
    schedule: { ...SCHEDULE, interval: 3 * 3_600_000, initialDelay: { min: 60_000, max: 60_000 } },
    log: createLog('error', process.stderr, () => time),
    now: () => time,
    random: () => 0,
    async sleep(milliseconds, signal) {
      signal.throwIfAborted()
      if (attested.length >= 3) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      slept.total += milliseconds
      // Before the first attestation, and in the middle of the wait for the third.
      time += milliseconds - (attested.length === 0 || (attested.length === 2 && time > 9 * year) ? 5 * year : 0)
    },
    async attest() {
      attested.push(slept.total)
      if (attested.length === 3) done.resolve()
      return 'pass'
    },
  })
  await done.promise
  assert.deepEqual(attested, [60_000, 60_000 + 3 * 3_600_000, 60_000 + 6 * 3_600_000])
})

test('disposing ends a wait at once', async () => {
  const scheduler = startScheduler({
    schedule: { ...SCHEDULE, initialDelay: { min: 60_000, max: 60_000 } },
    log: createLog('error', process.stderr, Date.now),
    now: Date.now,
    random: () => 0,
    sleep: (_milliseconds, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    attest: () => assert.fail('it must not attest'),
  })
  await scheduler[Symbol.asyncDispose]()
  assert.equal(scheduler.last, undefined)
})
