import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { LOCK_WORDS, MAX_THREADS, SharedLock } from '../../src/foundation/index.ts'
import type { LockThreadData } from '../support/lock-thread.ts'

const newWords = () => new Int32Array(new SharedArrayBuffer(4 * (LOCK_WORDS + 1)))

function thread(workerData: LockThreadData): Worker {
  return new Worker(new URL('../support/lock-thread.ts', import.meta.url), { workerData })
}

test('what threads do under the lock, they do one after the other', async () => {
  const words = newWords()
  const times = 100_000
  const threads = [1, 2, 3].map((threadNumber) => thread({ words, threadNumber, times, end: 'released' }))
  const ended = Promise.all(threads.map((worker) => once(worker, 'exit')))
  const lock = new SharedLock(words, 0, 0)
  let own = 0
  let over = false
  void ended.then(() => (over = true))
  while (!over) {
    for (let i = 0; i < 100; i++, own++) {
      lock.acquire()
      words[LOCK_WORDS] = words[LOCK_WORDS]! + 1
      lock.release()
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(words[LOCK_WORDS], 3 * times + own)
})

test('a thread that dies with the lock is noticed by whoever waits for it, which recovers first', async () => {
  const words = newWords()
  let recovered = 0
  const lock = new SharedLock(words, 0, 0, () => recovered++)
  for (const times of [1, 2]) {
    const worker = thread({ words, threadNumber: 1, times, end: 'held' })
    await once(worker, 'message')
    const terminated = worker.terminate()
    // Synchronous: meanwhile this thread can't be told that the worker has ended.
    lock.acquire()
    assert.equal(recovered, times)
    lock.release()
    await terminated
  }
})

test('a supervisor can free the lock of a thread that has ended, and so can its successor', async () => {
  for (const by of ['supervisor', 'successor'] as const) {
    const words = newWords()
    const worker = thread({ words, threadNumber: 5, times: 0, end: 'held' })
    await once(worker, 'message')
    await worker.terminate()
    let recovered = 0
    const lock = new SharedLock(words, 0, by === 'supervisor' ? 0 : 5, () => recovered++)
    lock.releaseOf(5)
    lock.releaseOf(4)
    lock.acquire()
    assert.equal(recovered, 1)
    lock.release()
  }
})

test('after an exception in a critical section the next one recovers, once it succeeds', () => {
  const words = newWords()
  let [recovered, failing] = [0, true]
  const lock = new SharedLock(words, 0, 0, () => {
    recovered++
    if (failing) throw new Error('recovery failed')
  })
  lock.acquire()
  lock.abandon()
  assert.throws(() => lock.acquire(), /recovery failed/)
  failing = false
  for (let i = 0; i < 2; i++) {
    lock.acquire()
    lock.release()
  }
  assert.equal(recovered, 2)
})

test('threads have numbers below the maximum', () => {
  for (const number of [-1, 0.5, MAX_THREADS]) assert.throws(() => new SharedLock(newWords(), 0, number), RangeError)
})
