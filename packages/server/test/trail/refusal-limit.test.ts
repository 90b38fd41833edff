/** Refusals of callers that prove nothing are recorded, but cannot fill the disk: what comes too often is counted, never dropped. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusalLimit, type Refusal } from '../../src/trail/refusal-limit.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const REFUSAL = { claimed: 'app', action: 'Encrypt', outcome: 'sign_error', requestId: 'r' }

test('twenty a minute are records of their own, the rest is one record with a count', () => {
  const runtime = pinnedRuntime()
  const records: Refusal[] = []
  const limit = new RefusalLimit(runtime, (refusal) => records.push(refusal))
  for (let i = 0; i < 100; i++) limit.note({ ...REFUSAL, requestId: `r${i}` })
  assert.deepEqual(
    records.map(({ requestId, count }) => [requestId, count]),
    Array.from({ length: 20 }, (_, i) => [`r${i}`, 1]),
  )
  limit.sweep()
  assert.equal(records.length, 20, 'the minute is not over')
  runtime.advance(60_000)
  limit.sweep()
  assert.deepEqual(records.at(-1), { ...REFUSAL, requestId: 'r99', count: 80 })
  limit.note(REFUSAL)
  assert.deepEqual(records.at(-1), { ...REFUSAL, count: 1 }, 'a new minute begins')
})

test('one claimed caller does not use up another one, and a flood of names is counted together', () => {
  const records: Refusal[] = []
  const limit = new RefusalLimit(pinnedRuntime(), (refusal) => records.push(refusal))
  for (let i = 0; i < 50; i++) limit.note(REFUSAL)
  limit.note({ ...REFUSAL, claimed: 'other' })
  assert.equal(records.at(-1)?.claimed, 'other')
  for (let i = 0; i < 5_000; i++) limit.note({ ...REFUSAL, claimed: `made up ${i}` })
  assert.ok(records.length < 1_100, String(records.length))
  limit.sweep(true)
  assert.ok(records.some(({ claimed, count }) => claimed === '' && count > 3_000))
})

test('nothing is lost: the counts add up to what was noted', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(40_000)), { maxLength: 300 }), (steps) => {
      const runtime = pinnedRuntime()
      let total = 0
      const limit = new RefusalLimit(runtime, ({ count }) => (total += count))
      for (const [caller, wait] of steps) {
        limit.note({ ...REFUSAL, claimed: String(caller) })
        runtime.advance(wait)
        limit.sweep()
      }
      limit.sweep(true)
      assert.equal(total, steps.length)
    }),
  )
})

test('a claimed name is cut, so that long ones fill neither memory nor the disk', () => {
  const records: Refusal[] = []
  const limit = new RefusalLimit(pinnedRuntime(), (refusal) => records.push(refusal))
  for (let i = 0; i < 30; i++) limit.note({ ...REFUSAL, claimed: 'x'.repeat(100_000 + i) })
  limit.sweep(true)
  assert.deepEqual(
    records.map(({ claimed, count }) => [claimed.length, count]),
    [...Array.from({ length: 20 }, () => [64, 1]), [64, 10]],
  )
})
