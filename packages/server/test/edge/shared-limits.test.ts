// Limits of a process, whatever thread is asked: never more than is allowed, and nothing is lost with a thread that dies.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { AnswerBudget, BodyBudget, RateLimiter } from '../../src/edge/index.ts'
import { PerAppLimit, SharedAmounts, systemRuntime } from '../../src/foundation/index.ts'
import { createSharedMemory, forgetThread } from '../../src/serving/index.ts'
import type { LimitsThreadData, LimitsThreadResult } from '../support/limits-thread.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const MIB = 1024 * 1024

function thread(workerData: LimitsThreadData): Worker {
  return new Worker(new URL('../support/limits-thread.ts', import.meta.url), { workerData })
}

test('threads that ask at once are granted exactly what the bucket holds, and give back all that they hold', async () => {
  const rates = RateLimiter.create()
  const amounts = SharedAmounts.create(4)
  const [burst, times, limit] = [30_000, 20_000, 4]
  const results = await Promise.all(
    [1, 2, 3].map(async (threadNumber): Promise<LimitsThreadResult> => {
      const worker = thread({ rates, amounts, threadNumber, burst, times, limit, endless: false })
      const ended = once(worker, 'exit')
      let result: LimitsThreadResult | undefined
      worker.on('message', (message: LimitsThreadResult | 'holds') => {
        if (message !== 'holds') result = message
      })
      await ended
      return result!
    }),
  )
  // The clocks of the threads stand still, within milliseconds of each other.
  const granted = results.reduce((sum, result) => sum + result.granted, 0)
  assert.equal(granted, burst)
  const held = new SharedAmounts({ memory: amounts, threadNumber: 0 })
  assert.notEqual(held.take('app', limit, limit), 0)
  assert.equal(held.take('app', 1, limit), 0)
})

test('what a thread held that was killed can be taken again once it is forgotten', async () => {
  const rates = RateLimiter.create()
  const amounts = SharedAmounts.create(2)
  const held = new SharedAmounts({ memory: amounts, threadNumber: 0 })
  for (let i = 0; i < 4; i++) {
    const worker = thread({ rates, amounts, threadNumber: 1, burst: 10, times: 0, limit: 3, endless: true })
    await once(worker, 'message')
    await worker.terminate()
    held.forgetThread(1)
    const taken = held.take('app', 3, 3)
    assert.notEqual(taken, 0)
    held.change(taken, -3)
  }
})

test('bodies, answers and work under way are bounded over all threads; a dead thread gives all of it back', async () => {
  const memory = createSharedMemory(3, systemRuntime)
  const shared = (of: keyof typeof memory, threadNumber: number) => ({ memory: memory[of], threadNumber })
  const bodies = [0, 1, 2].map((threadNumber) => new BodyBudget(shared('bodies', threadNumber)))
  const releases = [bodies[0]!.reserve('one', 100 * MIB, 100 * MIB), bodies[1]!.reserve('one', 100 * MIB, 100 * MIB)]
  assert.throws(() => bodies[2]!.reserve('one', 100 * MIB, 100 * MIB), { code: 'busy' }, "one client's share is one over all threads")
  for (const client of ['two', 'three', 'four']) bodies[1]!.reserve(client, 100 * MIB, 100 * MIB)
  assert.throws(() => bodies[0]!.reserve('five', 100 * MIB, 100 * MIB), { code: 'busy' })
  releases[0]!()
  bodies[2]!.reserve('five', 100 * MIB, 100 * MIB)

  const limits = [0, 1].map((n) => new PerAppLimit('lists', 2, new SharedAmounts(shared('underWay', n))))
  const others = new PerAppLimit('quotes', 2, new SharedAmounts(shared('underWay', 0)))
  const never = new Promise<never>(() => {})
  for (let i = 0; i < 2; i++) void limits[1]!.run('app', () => never)
  await assert.rejects(
    limits[0]!.run('app', () => 1),
    { code: 'app_busy' },
  )
  assert.equal(await limits[0]!.run('other app', () => 1), 1)
  assert.equal(await others.run('app', () => 1), 1)

  const answers = [0, 1].map((threadNumber) => new AnswerBudget(shared('answers', threadNumber)))
  const response = () => ({ once: () => undefined }) as never
  for (let i = 0; i < 9; i++) answers[1]!.reserve(response())
  assert.throws(() => answers[0]!.reserve(response()), { code: 'busy' })

  forgetThread(memory, 1)
  assert.equal(await limits[0]!.run('app', () => 1), 1)
  for (let i = 0; i < 9; i++) answers[0]!.reserve(response())
  // What thread 2 holds is still held.
  for (let i = 0; i < 4; i++) bodies[0]!.reserve(`new ${i}`, 100 * MIB, 100 * MIB)
  assert.throws(() => bodies[0]!.reserve('more', 100 * MIB, 100 * MIB), { code: 'busy' })
})

test('buckets are bounded in number: the least recently used makes room, and is full when it comes back', () => {
  const runtime = pinnedRuntime()
  const rate = { perSecond: 0.001, burst: 1 }
  const limiter = new RateLimiter({ management: rate, attestation: undefined, registration: rate }, runtime)
  const crowd = 150_000
  const grantedOf = (from: number, to: number): number => {
    let granted = 0
    for (let i = from; i < to; i++) if (limiter.take('management', `client ${i}`)) granted++
    return granted
  }
  assert.equal(grantedOf(0, 10_000), 10_000)
  assert.equal(grantedOf(0, 10_000), 0)
  assert.equal(limiter.take('registration', 'client 1'), true, 'each class has a bucket of its own')
  runtime.advance(1)
  assert.equal(grantedOf(10_000, crowd), crowd - 10_000)
  runtime.advance(1)
  assert.ok(grantedOf(0, 1_000) > 500, 'most of the first have made room')
})
