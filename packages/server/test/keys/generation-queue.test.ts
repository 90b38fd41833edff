import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GenerationQueue } from '../../src/keys/generation-queue.ts'
import { refusal } from '../support/refusal.ts'

/** A queue whose jobs end when the test says so; `started` names them in the order in which they began. */
function controlledQueue() {
  const queue = new GenerationQueue()
  const started: string[] = []
  const gates = new Map<string, PromiseWithResolvers<void>>()
  const done = new Map<string, Promise<string>>()
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    started,
    done,
    async submit(app: string, job: string) {
      const gate = Promise.withResolvers<void>()
      gates.set(job, gate)
      const running = queue.run(app, async () => {
        started.push(job)
        await gate.promise
        return job
      })
      done.set(job, running)
      running.catch(() => {})
      await settle()
    },
    async finish(job: string, error?: Error) {
      const gate = gates.get(job)!
      if (error) gate.reject(error)
      else gate.resolve()
      await settle()
    },
  }
}

test('at most two generations run at once, and each end starts the next', async () => {
  const { submit, finish, started, done } = controlledQueue()
  for (const job of ['1', '2', '3', '4']) await submit('a', job)
  assert.deepEqual(started, ['1', '2'])
  await finish('2')
  assert.deepEqual(started, ['1', '2', '3'])
  await finish('1')
  await finish('3')
  await finish('4')
  assert.deepEqual(await Promise.all(done.values()), ['1', '2', '3', '4'])
})

test('apps are served in turn: who asks for many does not hold up who asks for one', async () => {
  const { submit, finish, started } = controlledQueue()
  for (const job of ['a1', 'a2', 'a3', 'a4', 'a5']) await submit('a', job)
  await submit('b', 'b1')
  await submit('b', 'b2')
  await submit('c', 'c1')
  for (const job of ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']) await finish(job)
  assert.deepEqual(started, ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5'])
})

test('an app may have 16 waiting; the next is refused, and another app is not', async () => {
  const { submit, finish, started, done } = controlledQueue()
  const jobs = Array.from({ length: 18 }, (_, i) => `a${i}`)
  for (const job of jobs) await submit('a', job)
  await submit('a', 'one too many')
  await assert.rejects(done.get('one too many')!, refusal('key_generation_busy'))
  await submit('b', 'b')
  for (const job of [...jobs, 'b']) await finish(job)
  assert.deepEqual(started.toSorted(), [...jobs, 'b'].sort())
  await submit('a', 'later')
  await finish('later')
  assert.equal(await done.get('later'), 'later')
})

test('a generation that fails gives its place on', async () => {
  const { submit, finish, started, done } = controlledQueue()
  for (const job of ['1', '2', '3', '4']) await submit('a', job)
  const failure = new Error('no entropy')
  await finish('1', failure)
  await finish('2', failure)
  assert.deepEqual(started, ['1', '2', '3', '4'])
  await assert.rejects(done.get('1')!, failure)
  await finish('3')
  await finish('4')
  for (const job of ['5', '6']) await submit('b', job)
  assert.deepEqual(started.slice(4), ['5', '6'], 'both places are free again')
  await finish('5')
  await finish('6')
})
