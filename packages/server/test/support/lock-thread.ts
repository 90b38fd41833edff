/** A thread of shared-lock.test.ts: adds to a number that only the lock protects, and may die while it holds the lock. */
import { parentPort, workerData } from 'node:worker_threads'
import { LOCK_WORDS, SharedLock } from '../../src/foundation/index.ts'

export interface LockThreadData {
  words: Int32Array
  threadNumber: number
  times: number
  /** How it ends: as usual, or with the lock, waiting to be terminated. */
  end: 'released' | 'held'
}

const { words, threadNumber, times, end } = workerData as LockThreadData
const lock = new SharedLock(words, 0, threadNumber)
for (let i = 0; i < times; i++) {
  lock.acquire()
  words[LOCK_WORDS] = words[LOCK_WORDS]! + 1
  lock.release()
}
if (end === 'held') {
  lock.acquire()
  parentPort!.postMessage('held')
  for (;;);
}
