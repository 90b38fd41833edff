import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore, type TestStore } from '@vouchsafe/testkit/databases'
import type { ReplayGuard } from '../../src/replay/replay-guard.ts'
import { MAX_APP_BYTES, MAX_TOTAL_BYTES } from '../../src/replay/replay-memory.ts'
import { newWindow } from '../support/replay-window.ts'
import { macOf, offer, startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const runtime = pinnedRuntime()
const NOW = runtime.now()

async function guardOn(store: TestStore, limits: { appBytes: number; totalBytes: number }): Promise<ReplayGuard> {
  return startGuard(await store.open(), runtime, limits)
}

/** Requests of one app over `seconds`, oldest first, the newest at NOW; gives the stamps. */
async function fill(guard: ReplayGuard, app: string, seconds: number, perSecond: number): Promise<number[]> {
  await guard.accept(app, NOW, macOf(NOW, 'first'))
  const stamps: number[] = []
  for (let i = seconds * perSecond; i > 0; i--) {
    const stamp = NOW - Math.floor((i * 1_000) / perSecond)
    if ((await offer(guard, app, stamp, `n${i}`)) === 'accepted') stamps.push(stamp)
  }
  return stamps
}

test('at its cap an app narrows its own window: old stamps are refused, none is accepted twice, and other apps notice nothing', async () => {
  await using store = await testStore('sqlite')
  const limits = { appBytes: 60_000, totalBytes: 1_000_000 }
  await using guard = await guardOn(store, limits)
  const quiet = await fill(guard, 'quiet', 100, 1)
  const busy = await fill(guard, 'busy', 100, 100)
  assert.ok(guard.statistics().bytes <= 2 * limits.appBytes)
  assert.ok(guard.narrowings > 0)
  assert.equal(quiet.length, 100)
  const again = new Set<string>()
  for (const stamp of new Set(busy)) again.add(await offer(guard, 'busy', stamp, 'first'))
  for (const i of [1, 50, 10_000]) again.add(await offer(guard, 'busy', NOW - i * 10, `n${i}`))
  assert.ok(!again.has('accepted') || again.has('stamp_fenced'))
  assert.equal(await offer(guard, 'busy', NOW - 99_000, 'new'), 'stamp_fenced', 'the oldest went first')
  assert.equal(await offer(guard, 'busy', NOW - 10, 'n1'), 'replayed', 'the newest are remembered')
  for (const [i, stamp] of quiet.entries()) {
    assert.equal(await offer(guard, 'quiet', stamp, `n${100 - i}`), 'replayed')
    assert.equal(await offer(guard, 'quiet', stamp, 'new'), 'accepted')
  }
})

test('at the cap of all apps together the largest gives way, not the one that asks', async () => {
  await using store = await testStore('sqlite')
  const limits = { appBytes: 400_000, totalBytes: 130_000 }
  await using guard = await guardOn(store, limits)
  await fill(guard, 'large', 100, 60)
  const small: [string, number[]][] = []
  for (let i = 0; i < 20; i++) {
    const app = `small ${i}`
    small.push([app, await fill(guard, app, 20, 5)])
    assert.ok(guard.statistics().bytes <= limits.totalBytes)
  }
  assert.ok(guard.narrowings > 0)
  for (const [app, stamps] of small) {
    assert.equal(stamps.length, 100)
    assert.equal(await offer(guard, app, NOW - 20_000, 'n100'), 'replayed')
  }
  assert.equal(await offer(guard, 'large', NOW - 99_000, 'new'), 'stamp_fenced')
})

test('what can matter no more is forgotten: memory returns to nothing', async () => {
  const clock = pinnedRuntime(NOW)
  await using store = await testStore('sqlite')
  await using guard = await startGuard(await store.open(), clock)
  for (let i = 0; i < 200; i++) await guard.accept(`app ${i % 3}`, NOW - i * 100, macOf(NOW - i * 100, i % 2 === 0 ? 'nonce' : undefined))
  const { bytes, entries, apps } = guard.statistics()
  assert.ok(bytes > 0)
  assert.deepEqual([entries, apps], [200, 3])
  clock.advance(50 * 60_000)
  for (let i = 0; i < 30; i++) await guard.tick()
  assert.deepEqual(guard.statistics(), { bytes: 0, entries: 0, apps: 0, shared: false })
  assert.equal(await offer(guard, 'app 0', NOW, 'nonce'), 'stamp_fenced')
})

test('the caps leave room for a million requests of one app and four million in all', () => {
  // Filled evenly over the window, in pages of about a second; measured on a hundredth of it.
  const window = newWindow(0)
  const perSecond = 1_000_000 / (40 * 60)
  for (let i = 0; i < 10_000; i++) {
    const stamp = NOW + Math.floor((i * 1_000) / perSecond)
    window.add(stamp, macOf(stamp, `nonce ${i}`), 0)
  }
  const bytesPerRequest = window.bytes / window.entries
  assert.ok(bytesPerRequest * 1_000_000 <= MAX_APP_BYTES, `${bytesPerRequest} bytes each`)
  assert.ok(bytesPerRequest * 4_000_000 <= MAX_TOTAL_BYTES, `${bytesPerRequest} bytes each`)
})
