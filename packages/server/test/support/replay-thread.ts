/** A thread of threads.test.ts: presents each of its requests to its gate, in an order of its own, and counts those that were accepted. */
import { parentPort, workerData } from 'node:worker_threads'
import { ServiceError, systemRuntime } from '../../src/foundation/index.ts'
import { ReplayGate } from '../../src/replay/index.ts'
import { macOf } from './guard.ts'
import { prng } from './prng.ts'

export interface ReplayThreadData {
  memory: SharedArrayBuffer
  threadNumber: number
  seed: number
  /** Of each request, how often it was accepted. */
  accepted: SharedArrayBuffer
  apps: number
  /** The stamp of each request. */
  stamps: Float64Array
}

/** What the thread asks the guard, and when it begins and ends. */
export type FromThread = { id: number; appId: string; stamp: number; mac: Uint8Array } | 'begins' | 'ends'
export type ToThread = { id: number; code: string | undefined }

const { memory, threadNumber, seed, accepted, apps, stamps } = workerData as ReplayThreadData
const port = parentPort!
const counts = new Int32Array(accepted)
const waiting = new Map<number, (answer: ToThread) => void>()
let asked = 0

const gate = new ReplayGate({
  memory,
  threadNumber,
  runtime: systemRuntime,
  defer: (appId, stamp, mac) =>
    new Promise((resolve, reject) => {
      const id = asked++
      waiting.set(id, ({ code }) => (code === undefined ? resolve() : reject(new ServiceError(code as 'replayed'))))
      port.postMessage({ id, appId, stamp, mac } satisfies FromThread)
    }),
})
port.on('message', (answer: ToThread) => waiting.get(answer.id)?.(answer))

const random = prng(seed)
const order = Array.from(stamps, (_, i) => i)
// Threads are near each other all the time, and seldom in the same order.
for (let i = 0; i < order.length; i++) {
  const j = Math.min(order.length - 1, i + Math.floor(random() * 50))
  ;[order[i], order[j]] = [order[j]!, order[i]!]
}
const deferred: Promise<void>[] = []
port.postMessage('begins' satisfies FromThread)
for (const request of order) {
  const stamp = stamps[request]!
  try {
    const outcome = gate.accept(`app ${request % apps}`, stamp, macOf(stamp, String(request)))
    if (outcome instanceof Promise) {
      const counted = outcome.then(() => void Atomics.add(counts, request, 1))
      deferred.push(counted.catch(() => undefined))
    } else Atomics.add(counts, request, 1)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
  }
}
await Promise.all(deferred)
port.postMessage('ends' satisfies FromThread)
port.close()
