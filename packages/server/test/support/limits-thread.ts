/** A thread of shared-limits.test.ts: takes from shared limits as often as it may. */
import { parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../src/edge/index.ts'
import { SharedAmounts } from '../../src/foundation/index.ts'
import { pinnedRuntime } from './runtime.ts'

export interface LimitsThreadData {
  rates: SharedArrayBuffer
  amounts: SharedArrayBuffer
  threadNumber: number
  burst: number
  times: number
  limit: number
  /** Whether it goes on until it is terminated. */
  endless: boolean
}

/** Calls that were granted. */
export interface LimitsThreadResult {
  granted: number
}

const { rates, amounts, threadNumber, burst, times, limit, endless } = workerData as LimitsThreadData
const shared = (memory: SharedArrayBuffer) => ({ memory, threadNumber })
const rate = { perSecond: 1, burst }
const limiter = new RateLimiter({ management: rate, attestation: rate, registration: rate }, pinnedRuntime(), shared(rates))
const held = new SharedAmounts(shared(amounts))
let granted = 0
for (let i = 0; i < times || endless; i++) {
  if (limiter.take('management', 'client')) granted++
  const taken = held.take('app', 1 + (i % 3), limit)
  if (taken === 0) continue
  if (i === 10) parentPort!.postMessage('holds')
  held.change(taken, -1 - (i % 3))
}
parentPort!.postMessage({ granted } satisfies LimitsThreadResult)
