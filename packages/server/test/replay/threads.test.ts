// Threads of one process share their windows: whichever a request comes to, and whenever one dies, it is accepted at most once.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { testStore } from '@vouchsafe/testkit/databases'
import { ServiceError, systemRuntime } from '../../src/foundation/index.ts'
import { ReplayGuard, type ReplayGuard as Guard } from '../../src/replay/index.ts'
import { createLog } from '../../src/process/log.ts'
import { macOf, offer } from '../support/guard.ts'
import { prng } from '../support/prng.ts'
import type { FromThread, ReplayThreadData, ToThread } from '../support/replay-thread.ts'

const FULL = process.env['VOUCHSAFE_TEST_FULL'] !== undefined
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_261_129)
const REQUESTS = FULL ? 500_000 : 12_000
const KILLS = FULL ? 300 : 5
const THREADS = 3
const APPS = 4

interface Load {
  guard: Guard
  counts: Int32Array
  /** Starts a thread that presents all requests; resolves with whether it came to its end. */
  run(threadNumber: number, seed: number): { worker: Worker; begun: Promise<void>; ended: Promise<boolean> }
}

/** Requests of a few apps: most below their fences, some beyond, a few far ahead, for which the guard must be asked. */
async function underLoad(limits: { appBytes: number; totalBytes: number }, work: (load: Load) => Promise<void>): Promise<void> {
  const random = prng(SEED)
  await using store = await testStore('sqlite')
  await using guard = new ReplayGuard({ storage: await store.open(), runtime: systemRuntime, log: createLog('silent'), limits })
  await guard.start()
  const now = systemRuntime.now()
  for (let app = 0; app < APPS; app++) await guard.accept(`app ${app}`, now, macOf(now, 'first'))
  const accepted = new SharedArrayBuffer(4 * REQUESTS)
  const stampOf = (i: number): number =>
    i % 1_000 === 0 ? now + 60_000 + i : i % 1_000 === 1 ? now + 2_001 + (i % 50) : now - Math.floor(random() * 600_000)
  const stamps = Float64Array.from({ length: REQUESTS }, (_, i) => stampOf(i))
  const run: Load['run'] = (threadNumber, seed) => {
    const data: ReplayThreadData = { memory: guard.memory, threadNumber, seed, accepted, apps: APPS, stamps }
    const worker = new Worker(new URL('../support/replay-thread.ts', import.meta.url), { workerData: data })
    let ended = false
    const begun = Promise.withResolvers<void>()
    worker.on('message', (message: FromThread) => {
      if (message === 'begins') return begun.resolve()
      if (message === 'ends') return void (ended = true)
      const { id, appId, stamp, mac } = message
      const answer = (code: string | undefined): void => worker.postMessage({ id, code } satisfies ToThread)
      guard.defer(appId, stamp, mac).then(
        () => answer(undefined),
        (error: unknown) => answer(error instanceof ServiceError ? error.code : String(error)),
      )
    })
    const failed = new Promise<never>((_, reject) => worker.once('error', reject))
    return { worker, begun: begun.promise, ended: Promise.race([failed, once(worker, 'exit').then(() => ended)]) }
  }
  await work({ guard, counts: new Int32Array(accepted), run })
  // Whatever happened, nothing is accepted now that was before.
  for (const [i, count] of new Int32Array(accepted).entries()) {
    assert.ok(count <= 1, `request ${i} was accepted ${count} times, seed ${SEED}`)
    if (count === 1) assert.notEqual(await offer(guard, `app ${i % APPS}`, stamps[i]!, String(i)), 'accepted')
  }
}

const AMPLE = { appBytes: 24 * 1024 * 1024, totalBytes: 96 * 1024 * 1024 }

test('each request that all threads present at once is accepted by exactly one', async () => {
  await underLoad(AMPLE, async ({ guard, counts, run }) => {
    const threads = Array.from({ length: THREADS }, (_, i) => run(i + 1, SEED + i))
    assert.deepEqual(await Promise.all(threads.map(({ ended }) => ended)), [true, true, true])
    assert.ok(counts.every((count) => count === 1))
    assert.equal(guard.statistics().entries, REQUESTS + APPS)
    assert.equal(guard.statistics().apps, APPS)
  })
})

test('while windows narrow, are swept and their floors rise, none is accepted twice', async () => {
  const limits = { appBytes: 60_000, totalBytes: 150_000 }
  await underLoad(limits, async ({ guard, counts, run }) => {
    const threads = Promise.all(Array.from({ length: THREADS }, (_, i) => run(i + 1, SEED + i).ended))
    let over = false
    void threads.finally(() => (over = true))
    while (!over) {
      await guard.tick()
      await sleep(1)
    }
    await threads
    assert.ok(guard.statistics().bytes <= limits.totalBytes)
    assert.ok(guard.narrowings > 0)
    assert.ok(counts.filter((count) => count === 1).length > 100)
  })
})

test('threads that are killed at any moment keep nobody waiting, and nothing is accepted twice', async () => {
  await underLoad(AMPLE, async ({ guard, counts, run }) => {
    const random = prng(SEED)
    let [kills, finished, own] = [0, 0, 0]
    const keepOne = async (threadNumber: number): Promise<void> => {
      while (kills < KILLS) {
        const { worker, begun, ended } = run(threadNumber, Math.floor(random() * 2 ** 31))
        if (threadNumber > 1) {
          await begun
          await sleep(random() * 40)
          await worker.terminate()
          kills++
        }
        if (await ended) finished++
      }
    }
    const threads = Promise.all([1, 2, 3].map(keepOne))
    let over = false
    void threads.finally(() => (over = true))
    // The main thread takes part, and can't learn that a worker has ended while it waits for the lock.
    while (!over) {
      const stamp = systemRuntime.now() - 1_000
      for (let i = 0; i < 20; i++) assert.equal(await offer(guard, `app ${i % APPS}`, stamp, `own ${own++}`), 'accepted')
      await sleep(1)
    }
    await threads
    const last = run(1, SEED)
    assert.equal(await last.ended, true)
    // A request that came into memory with a thread that died at once is accepted by nobody.
    const lost = counts.filter((count) => count === 0).length
    assert.ok(lost <= KILLS + REQUESTS / 100, `${lost} were lost`)
    assert.ok(finished > 0)
  })
})
