import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newSet } from '../support/replay-window.ts'

// Halves from a small choice collide often, the extremes among them.
const half = fc.oneof(fc.constantFrom(0, 1, 2, 15, 16, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat(0xffff_ffff))

test('it is a set of pairs', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(half, half), { maxLength: 300 }), (pairs) => {
      const set = newSet()
      const model = new Set<string>()
      for (const [high, low] of pairs) {
        // (0, 0) marks a free slot: it is kept as (0, 1).
        const identity = high === 0 && low === 0 ? '0:1' : `${high}:${low}`
        assert.equal(set.add(high, low), !model.has(identity))
        model.add(identity)
        assert.equal(set.size, model.size)
      }
      const values = set.values()
      assert.deepEqual(new Set(Array.from({ length: set.size }, (_, i) => `${values[2 * i]}:${values[2 * i + 1]}`)), model)
      for (const [high, low] of pairs) assert.equal(set.add(high, low), false)
    }),
  )
})

test('fingerprints that share their low half, and a hundred thousand others, are told apart, in bounded memory', () => {
  const set = newSet()
  for (let i = 0; i < 2_000; i++) assert.equal(set.add(i, 7), true)
  for (let i = 0; i < 100_000; i++) assert.equal(set.add(i, Math.imul(i, 2_654_435_761) >>> 0 || 1), true)
  assert.equal(set.size, 102_000)
  assert.ok(set.bytes <= 8 * 262_144)
  assert.equal(set.add(1_999, 7), false)
})
