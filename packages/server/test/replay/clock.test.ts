import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testStore } from '@vouchsafe/testkit/databases'
import { FUTURE_MS, PAST_MS, type ReplayGuard } from '../../src/replay/replay-guard.ts'
import { offer, startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage, type WatchedStorage } from '../support/watched-storage.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** A server that a test may end like kill -9: from then on nothing of it reaches the store. */
interface Running {
  guard: ReplayGuard
  watched: WatchedStorage
}

function crash({ watched }: Running): void {
  for (const name of [
    'heartbeat',
    'raiseFences',
    'insertReplayRecords',
    'registerServer',
    'unregisterServer',
    'purgeReplayRecords',
  ] as const) {
    watched.failing.add(name)
  }
}

/** Half a minute of background work, so that it sweeps once. */
async function sweep(guard: ReplayGuard): Promise<void> {
  for (let i = 0; i < 30; i++) await guard.tick()
}

test('a wall clock that steps by an hour, ahead and back, never lets a request be accepted again', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using guard = await startGuard(await store.open(), runtime)
  const stamp = runtime.now()
  assert.equal(await offer(guard, 'app', stamp, 'n'), 'accepted')
  const refused = async () => assert.notEqual(await offer(guard, 'app', stamp, 'n'), 'accepted')
  runtime.step(HOUR_MS)
  await sweep(guard)
  await refused()
  assert.equal(await offer(guard, 'app', runtime.now(), 'n'), 'accepted')
  runtime.step(-HOUR_MS)
  await sweep(guard)
  await refused()
  // The page is forgotten, rightly, since both clocks have gone on; newer ones are kept. Then the clock is set back.
  runtime.advance(45 * MINUTE_MS)
  assert.equal(await offer(guard, 'app', runtime.now() + 5 * MINUTE_MS, 'n'), 'accepted')
  await sweep(guard)
  runtime.step(-HOUR_MS)
  await refused()
  runtime.advance(10 * MINUTE_MS)
  await refused()
})

test('a record that one server has made is not purged by another whose clock is an hour ahead', async () => {
  await using store = await testStore('sqlite')
  const [clock, fast] = [pinnedRuntime(), pinnedRuntime()]
  await using one = await startGuard(await store.open(), clock)
  await using two = await startGuard(await store.open(), fast)
  const stamp = clock.now()
  assert.equal(await offer(one, 'app', stamp, 'n'), 'accepted')
  fast.step(HOUR_MS)
  await sweep(two)
  fast.step(-HOUR_MS)
  assert.equal(await offer(two, 'app', stamp, 'n'), 'timestamp_repeated')
})

type Command =
  | { do: 'send'; to: number; age: number; nonce: string | undefined }
  | { do: 'replay'; to: number; which: number }
  | { do: 'pass'; minutes: number }
  | { do: 'step'; hours: number }
  | { do: 'sweep' }
  | { do: 'start' }
  | { do: 'stop' }
  | { do: 'crash' }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      to: fc.nat(1),
      age: fc.integer({ min: -FUTURE_MS, max: PAST_MS }),
      nonce: fc.constantFrom(undefined, 'a', 'b'),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('replay' as const), to: fc.nat(1), which: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), minutes: fc.constantFrom(0.1, 1, 20, 45) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('step' as const), hours: fc.constantFrom(1, -1) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'sweep' as const }) },
  ...(['start', 'stop', 'crash'] as const).map((what) => ({ weight: 1, arbitrary: fc.constant({ do: what }) })),
)

test('whatever clocks and servers do, no request is accepted twice', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 60 }), async (commands) => {
      await using store = await testStore('sqlite')
      const storage = await store.open()
      const runtime = pinnedRuntime()
      const running: Running[] = []
      const ended: Running[] = []
      const accepted: { stamp: number; nonce: string | undefined }[] = []
      const start = async () => {
        const watched = watchStorage(storage)
        running.push({ guard: await startGuard(watched.storage, runtime), watched })
      }
      const send = async (to: number, stamp: number, nonce: string | undefined) => {
        // As the edge does before it asks the guard.
        const age = runtime.now() - stamp
        if (age > PAST_MS || age < -FUTURE_MS) return
        const outcome = await offer(running[to % running.length]!.guard, 'app', stamp, nonce)
        const isReplay = accepted.some((each) => each.stamp === stamp && each.nonce === nonce)
        assert.ok(!(isReplay && outcome === 'accepted'), 'accepted twice')
        if (outcome === 'accepted') accepted.push({ stamp, nonce })
      }
      await start()
      for (const each of commands) {
        if (each.do === 'send') await send(each.to, runtime.now() - each.age, each.nonce)
        else if (each.do === 'replay' && accepted.length > 0) {
          const { stamp, nonce } = accepted[each.which % accepted.length]!
          await send(each.to, stamp, nonce)
        } else if (each.do === 'pass') runtime.advance(each.minutes * MINUTE_MS)
        else if (each.do === 'step') runtime.step(each.hours * HOUR_MS)
        else if (each.do === 'sweep') for (const { guard } of running) await sweep(guard)
        else if (each.do === 'start' && running.length < 2) await start()
        else if (each.do === 'stop') await running.shift()!.guard[Symbol.asyncDispose]()
        else if (each.do === 'crash') ended.push(...running.splice(0, 1).map((server) => (crash(server), server)))
        if (running.length === 0) await start()
      }
      for (const { guard } of running) await guard[Symbol.asyncDispose]()
      for (const { guard, watched } of ended) {
        watched.failing.delete('unregisterServer')
        await guard[Symbol.asyncDispose]()
      }
    }),
    { numRuns: 20 },
  )
})
