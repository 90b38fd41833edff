import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { DurationHistogram } from '../../src/process/duration-histogram.ts'

const BUCKETS = [0.001, 0.01, 0.1, 1]
const SECONDS = fc.oneof(fc.constantFrom(...BUCKETS, 0), fc.double({ min: 0, max: 2, noNaN: true }))
const LABEL = fc.constantFrom('Encrypt', 'Sign', 'with "quotes"')

test('durations are read as those of a histogram of prom-client are', async () => {
  const observations = fc.array(fc.tuple(SECONDS, LABEL, fc.constantFrom('ok', 'error')))
  await fc.assert(
    fc.asyncProperty(observations, async (given) => {
      const options = { name: 'some_seconds', help: 'Durations.', labelNames: ['operation', 'result'], buckets: BUCKETS }
      const [ours, theirs] = [new Registry(), new Registry()]
      const histogram = new DurationHistogram({ ...options, registers: [ours] })
      const peer = new Histogram({ ...options, registers: [theirs] })
      for (const [seconds, operation, result] of given) {
        histogram.observe(seconds, operation, result)
        peer.observe({ operation, result }, seconds)
      }
      const linesOf = async (registry: Registry) => (await registry.metrics()).split('\n').sort()
      assert.deepEqual(await linesOf(ours), await linesOf(theirs))
    }),
  )
})

test('with one label, a series has that one alone', async () => {
  const registry = new Registry()
  const options = { name: 'some_seconds', help: 'Durations.', labelNames: ['action'], buckets: [1], registers: [registry] }
  new DurationHistogram(options).observe(0.5, 'Encrypt')
  assert.match(await registry.metrics(), /^some_seconds_bucket\{le="1",action="Encrypt"\} 1$/m)
})
