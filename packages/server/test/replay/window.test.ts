import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newWindow } from '../support/replay-window.ts'
import { macOf } from '../support/guard.ts'

const BASE = 1_700_000_000_000

type Command =
  | { do: 'add'; stamp: number; nonce: string | undefined }
  | { do: 'narrow'; share: number }
  | { do: 'raise'; floor: number }
  | { do: 'expire'; oldest: number; untouchedMs: number }

// Few stamps over many pages, and few nonces, so that repetitions are common.
const stamp = fc.nat(40).map((n) => BASE + n * 397)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('add' as const), stamp, nonce: fc.constantFrom(undefined, undefined, 'a', 'b', 'c', '') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('narrow' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('raise' as const), floor: stamp }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('expire' as const), oldest: stamp, untouchedMs: fc.nat(20) }),
  },
)

test('a window accepts like a plain set above its floor, never twice, and its floor only rises', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const window = newWindow(BASE - 1)
      const accepted = new Set<string>()
      let newest = BASE - 1
      commands.forEach((each, monotonic) => {
        const before = { floor: window.floor, newest: window.newest, bytes: window.bytes }
        if (each.do === 'add') {
          const identity = JSON.stringify([each.stamp, each.nonce ?? null])
          const outcome = window.add(each.stamp, macOf(each.stamp, each.nonce), monotonic)
          const expected = each.stamp <= before.floor ? 'below-floor' : accepted.has(identity) ? 'seen' : 'new'
          assert.equal(outcome, expected)
          if (outcome === 'new') newest = Math.max(newest, each.stamp)
          accepted.add(identity)
        } else if (each.do === 'narrow') {
          const target = Math.floor(before.bytes * each.share)
          window.narrow(target)
          assert.ok(window.bytes <= target)
        } else if (each.do === 'raise') {
          window.raiseFloor(each.floor)
          assert.equal(window.floor, Math.max(before.floor, each.floor))
        } else {
          window.expire(each.oldest, monotonic - each.untouchedMs)
          assert.ok(window.floor < Math.max(each.oldest, before.floor + 1), 'what may still come is not refused')
        }
        assert.ok(window.floor >= before.floor)
        assert.ok(window.newest >= Math.max(newest, window.floor, before.newest))
      })
    }),
    { numRuns: 300 },
  )
})

test('the accounts of bytes and entries follow what is remembered, down to nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ stamp, nonce: fc.option(fc.string(), { nil: undefined }) }), { minLength: 1, maxLength: 100 }),
      (requests) => {
        const window = newWindow(0)
        let added = 0
        for (const request of requests) if (window.add(request.stamp, macOf(request.stamp, request.nonce), 0) === 'new') added++
        assert.equal(window.entries, added)
        assert.ok(window.bytes > 0)
        assert.equal(window.isEmpty, false)
        window.narrow(0)
        assert.deepEqual([window.bytes, window.entries, window.isEmpty], [0, 0, true])
        assert.ok(requests.every(({ stamp, nonce }) => window.add(stamp, macOf(stamp, nonce), 0) === 'below-floor'))
      },
    ),
  )
})

test('the same millisecond: any number of nonces, each once, and once without a nonce', () => {
  const window = newWindow(0)
  const outcomes = (nonce: string | undefined) => [window.add(BASE, macOf(BASE, nonce), 0), window.add(BASE, macOf(BASE, nonce), 0)]
  for (const nonce of [undefined, 'a', 'b', 'A', 'a ']) assert.deepEqual(outcomes(nonce), ['new', 'seen'])
  assert.equal(window.add(BASE + 1, macOf(BASE + 1, 'a'), 0), 'new')
  assert.equal(window.entries, 6)
})

test('narrowing gives up the oldest first, and refuses what it gave up', () => {
  const window = newWindow(0)
  const stamps = Array.from({ length: 100 }, (_, i) => BASE + i * 1_024)
  for (const each of stamps) window.add(each, macOf(each, undefined), 0)
  window.narrow(window.bytes / 2)
  const known = stamps.map((each) => window.add(each, macOf(each, undefined), 0))
  const firstKept = known.indexOf('seen')
  assert.ok(firstKept >= 45 && firstKept <= 55)
  assert.ok(known.slice(0, firstKept).every((outcome) => outcome === 'below-floor'))
  assert.ok(known.slice(firstKept).every((outcome) => outcome === 'seen'))
})

test('a page is forgotten only when both clocks say so, and stays refused when the wall clock steps back', () => {
  const window = newWindow(0)
  window.add(BASE, macOf(BASE, undefined), 1_000)
  window.add(BASE + 60_000, macOf(BASE + 60_000, 'later'), 1_000)
  window.expire(BASE + 10_000, 1_000)
  assert.equal(window.add(BASE, macOf(BASE, undefined), 1_001), 'seen', 'touched lately')
  window.expire(BASE - 10_000, 9_000)
  assert.equal(window.add(BASE, macOf(BASE, undefined), 1_001), 'seen', 'still acceptable')
  window.expire(BASE + 10_000, 9_000)
  assert.equal(window.entries, 1)
  assert.equal(window.add(BASE, macOf(BASE, undefined), 9_000), 'below-floor')
  assert.equal(window.add(BASE + 60_000, macOf(BASE + 60_000, 'later'), 9_000), 'seen')
})

test('two requests a second for forty minutes take little memory', () => {
  const window = newWindow(0)
  for (let i = 0; i < 2 * 2_400; i++) window.add(BASE + i * 500, macOf(BASE + i * 500, undefined), 0)
  assert.equal(window.entries, 4_800)
  assert.ok(window.bytes < 1024 * 1024)
})

test('a window that was saved and loaded refuses the same, page by page, down to its floor', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(stamp, fc.nat(5)), { maxLength: 60 }), stamp, (requests, floor) => {
      const window = newWindow(BASE - 1)
      for (const [each, content] of requests) window.add(each, macOf(each, String(content)), 0)
      const loaded = newWindow(BASE - 1)
      loaded.load(window.save(), window.newest, 0)
      assert.deepEqual([loaded.bytes > 0, loaded.entries, loaded.newest], [requests.length > 0, window.entries, window.newest])
      for (const [each, content] of requests) assert.equal(loaded.add(each, macOf(each, String(content)), 0), 'seen')
      assert.equal(loaded.add(BASE + 50_000, macOf(1), 0), 'new')
      const above = newWindow(floor)
      above.load(window.save(), window.newest, 0)
      for (const [each, content] of requests)
        assert.equal(above.add(each, macOf(each, String(content)), 0), each <= floor ? 'below-floor' : 'seen')
    }),
  )
})

test('a saved window that was cut or lengthened refuses all that it may have stood for', () => {
  const window = newWindow(BASE - 1)
  for (let i = 0; i < 5; i++) window.add(BASE + i * 5_000, macOf(BASE + i * 5_000), 0)
  const saved = window.save()
  for (const bytes of [saved.subarray(0, -1), saved.subarray(0, -8), saved.subarray(0, 20), Buffer.concat([saved, Buffer.alloc(4)])]) {
    const loaded = newWindow(BASE - 1)
    loaded.load(bytes, window.newest, 0)
    for (let i = 0; i < 5; i++) assert.notEqual(loaded.add(BASE + i * 5_000, macOf(BASE + i * 5_000), 0), 'new')
    assert.equal(loaded.add(window.newest + 1, macOf(0), 0), 'new')
  }
})
