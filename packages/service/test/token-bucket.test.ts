import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from '../src/index.ts'

test('calls beyond the rate are refused until there is room again', () => {
  let time = 0
  const bucket = new TokenBucket({ perSecond: 50, burst: 100 }, time)
  const admitted = (count: number) => Array.from({ length: count }, () => bucket.take(time)).filter(Boolean).length
  assert.equal(admitted(150), 100)
  time += 100
  assert.equal(admitted(10), 5)
  time += 60_000
  assert.equal(admitted(150), 100)
})

test('fractions of a call add up', () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 0)
  assert.deepEqual(
    [0, 400, 800, 1_000, 1_999, 2_000].map((now) => bucket.take(now)),
    [true, false, false, true, false, true],
  )
})
