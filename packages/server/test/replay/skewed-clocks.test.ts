// Clients whose clocks are off by anything that the window allows, over restarts: none is locked out, and no request is accepted twice.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { ReplayGuard } from '../../src/replay/replay-guard.ts'
import type { Storage } from '../../src/storage/index.ts'
import { offer, startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'

const MINUTE_MS = 60_000
/** How long after a crash stamps may be refused: the fence is written ahead by so much. */
const AHEAD_MS = 2_000

const skews = fc.array(fc.integer({ min: -10 * MINUTE_MS, max: 10 * MINUTE_MS - 20_000 }), { minLength: 1, maxLength: 4 })
const ends = fc.array(fc.constantFrom('stop', 'crash', 'second'), { minLength: 1, maxLength: 3 })
const seed = 20_261_129

eachDatabase('one request stamped 45 s ahead keeps nobody out after a restart, whatever its kind', async (store) => {
  const runtime = pinnedRuntime()
  const storage = await store.open()
  for (const ahead of [45_000, 9 * MINUTE_MS]) {
    for (const clean of [true, false]) {
      const watched = watchStorage(storage)
      const first = await startGuard(watched.storage, runtime)
      const now = runtime.now()
      assert.equal(await offer(first, 'app', now, 'in time'), 'accepted')
      assert.equal(await offer(first, 'app', now + ahead, 'fast'), 'accepted')
      if (!clean) await crash(watched, storage)
      else await first[Symbol.asyncDispose]()
      runtime.advance(clean ? 1 : AHEAD_MS + 1)
      await using second = await startGuard(storage, runtime)
      assert.equal(await offer(second, 'app', runtime.now(), 'later'), 'accepted')
      assert.equal(await offer(second, 'app', now + ahead, 'fast too'), 'accepted')
      assert.equal(await offer(second, 'app', now + ahead, 'fast'), 'replayed')
      assert.notEqual(await offer(second, 'app', now, 'in time'), 'accepted')
      runtime.advance(41 * MINUTE_MS)
    }
  }
})

eachDatabase("a crash leaves a fence at the server's time, a clean stop none", async (store) => {
  const runtime = pinnedRuntime()
  const storage = await store.open()
  const watched = watchStorage(storage)
  const guard = await startGuard(watched.storage, runtime)
  const now = runtime.now()
  for (const ahead of [0, 1_999, 2_001, 45_000, 9 * MINUTE_MS]) assert.equal(await offer(guard, 'app', now + ahead), 'accepted')
  await guard.tick()
  const registered = await storage.registerServer({ id: 'reader', at: now, recordLimit: 10 })
  assert.deepEqual(registered.fences, [['app', now + AHEAD_MS]])
  assert.deepEqual(
    registered.records!.map(([, stamp]) => stamp - now),
    [2_001, 45_000, 9 * MINUTE_MS],
  )
  await storage.unregisterServer({ id: 'reader', fences: [] })
  await guard[Symbol.asyncDispose]()
  assert.deepEqual((await storage.registerServer({ id: 'reader', at: now, recordLimit: 10 })).fences, [['app', -1]])
})

eachDatabase(
  'clients of any skew keep working over clean stops, crashes and second servers, and no request is accepted twice',
  async (store) => {
    const storage = await store.open()
    let run = 0
    await fc.assert(
      fc.asyncProperty(skews, ends, async (offsets, restarts) => {
        const app = `app ${run++}`
        const runtime = pinnedRuntime()
        const accepted: [stamp: number, content: string][] = []
        let sent = 0
        const sendAs = async (guard: ReplayGuard, offset: number): Promise<string> => {
          const [stamp, content] = [runtime.now() + offset, `r${sent++}`]
          const outcome = await offer(guard, app, stamp, content)
          if (outcome === 'accepted') accepted.push([stamp, content])
          return outcome
        }
        const refuseAll = async (guard: ReplayGuard): Promise<void> => {
          for (const [stamp, content] of accepted) assert.notEqual(await offer(guard, app, stamp, content), 'accepted')
        }
        let watched = watchStorage(storage)
        let guard = await startGuard(watched.storage, runtime)
        for (const end of restarts) {
          for (let second = 0; second < 3; second++) {
            for (const offset of offsets) assert.equal(await sendAs(guard, offset), 'accepted')
            runtime.advance(1_000)
            await guard.tick()
          }
          await refuseAll(guard)
          if (end === 'second') {
            const other = watchStorage(storage)
            const joined = await startGuard(other.storage, runtime)
            await refuseAll(joined)
            runtime.advance(AHEAD_MS + 1)
            for (const offset of offsets.filter((each) => each >= 0)) {
              assert.equal(await sendAs(joined, offset), 'accepted')
              assert.equal(await sendAs(guard, offset), 'accepted')
            }
            await refuseAll(joined)
            await refuseAll(guard)
            await guard[Symbol.asyncDispose]()
            ;[guard, watched] = [joined, other]
          } else {
            if (end === 'stop') await guard[Symbol.asyncDispose]()
            else await crash(watched, storage)
            watched = watchStorage(storage)
            guard = await startGuard(watched.storage, runtime)
            await refuseAll(guard)
            if (end === 'crash') runtime.advance(AHEAD_MS + 1)
          }
          // Behind the fence that a crash or a second server leaves, our client learns the server's time; after a clean stop it needn't.
          for (const offset of offsets) {
            const outcome = await sendAs(guard, offset)
            if (outcome === 'accepted') continue
            assert.deepEqual(
              [outcome, end === 'stop' && !restarts.slice(0, restarts.indexOf(end)).includes('second')],
              ['stamp_fenced', false],
            )
            assert.equal(await sendAs(guard, 0), 'accepted')
          }
          offsets = offsets.map((offset) => (end === 'stop' ? offset : Math.max(offset, 0)))
        }
        await refuseAll(guard)
        await guard[Symbol.asyncDispose]()
      }),
      { numRuns: 12, seed },
    )
  },
)

/** Ends a server like kill -9: nothing of it reaches the store any more. */
async function crash(watched: ReturnType<typeof watchStorage>, storage: Storage): Promise<void> {
  for (const name of [
    'heartbeat',
    'raiseFences',
    'insertReplayRecords',
    'registerServer',
    'saveReplayWindows',
    'unregisterServer',
  ] as const) {
    watched.failing.add(name)
  }
  // As its successor does when it finds the process gone.
  const { servers } = await storage.heartbeat({ id: '' })
  for (const { id, heartbeat } of servers) await storage.expelServer({ id, heartbeat })
}
