// Changed logs: they never crash, hang or take much memory, and what a quote authenticates can't be changed unnoticed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { TpmError, digestCoversData, eventsOf, isExtended, parseEventLog, replay } from '../src/index.ts'
import type { EventLog } from '../src/index.ts'
import type { FuzzResult } from './support/fuzz-event-logs.ts'
import { randomNumbers } from './support/mutations.ts'

const LOGS = process.env['VOUCHSAFE_TEST_FULL'] ? 50_000 : 2000
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_240_501)
const MEGABYTE = 1024 * 1024

test(`${LOGS} mutated logs are read within 64 MB, with TpmError as the only error`, async () => {
  const worker = new Worker(new URL('support/fuzz-event-logs.ts', import.meta.url), {
    workerData: { count: LOGS, seed: SEED },
    resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 16 },
  })
  const [result] = (await once(worker, 'message')) as [FuzzResult]
  await worker.terminate()
  assert.equal(result.logs, LOGS)
  assert.ok(result.parsed > LOGS / 4, `${result.parsed} logs had events`)
  assert.ok(result.buffers < 64 * MEGABYTE, `${result.buffers} bytes of buffers`)
})

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** What a quote over the SHA-256 bank would be checked against. */
function pcrsOf(log: EventLog): string {
  return JSON.stringify([...replay(log, 'sha256')].map(([pcr, { value }]) => [pcr, hex(value)]))
}

/** All that the result doesn't mark as unauthenticated: the extensions of each PCR, and the data that the digests cover. */
function authenticated(log: EventLog) {
  return Array.from({ length: 24 }, (_, pcr) =>
    eventsOf(log, pcr).map((event) => ({
      digest: hex(event.digests['sha256']!),
      covered: digestCoversData(event, 'sha256') === 'covered' ? hex(event.data) : undefined,
    })),
  )
}

test('a changed byte is refused, changes a PCR, or touches only what is not authenticated', () => {
  const bytes = bootLog({ banks: ['sha1', 'sha256'], locality: 3, revocations: 2 }).bytes()
  const original = parseEventLog(bytes)
  const [pcrs, meaning] = [pcrsOf(original), authenticated(original)]
  const random = randomNumbers(7)
  const verdicts = { refused: 0, mismatch: 0, same: 0 }
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 + random(255)
    let log: EventLog
    try {
      log = parseEventLog(changed)
      if (!log.banks.includes('sha256')) throw new TpmError('the quoted bank is missing')
    } catch (error) {
      assert.ok(error instanceof TpmError)
      verdicts.refused++
      continue
    }
    if (pcrsOf(log) !== pcrs) {
      verdicts.mismatch++
      continue
    }
    verdicts.same++
    authenticated(log).forEach((events, pcr) => {
      assert.equal(events.length, meaning[pcr]!.length, `byte ${at}`)
      events.forEach(({ digest, covered }, i) => {
        assert.equal(digest, meaning[pcr]![i]!.digest, `byte ${at}`)
        if (covered !== undefined) assert.equal(covered, hex(eventsOf(original, pcr)[i]!.data), `byte ${at}`)
      })
    })
  }
  for (const [verdict, count] of Object.entries(verdicts)) assert.ok(count > 100, `${verdict}: ${count}`)
})

test('a byte of an extended digest of the quoted bank always changes a PCR', () => {
  const bytes = bootLog({ revocations: 1 }).bytes()
  const original = parseEventLog(bytes)
  const pcrs = pcrsOf(original)
  for (const event of original.events.filter(isExtended)) {
    const changed = Buffer.from(bytes)
    changed[event.offset + 14 + (event.number % 32)]! ^= 0x10
    assert.notEqual(pcrsOf(parseEventLog(changed)), pcrs)
  }
})
