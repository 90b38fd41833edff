/** The memory that the threads of a process share: made once, handed to each as it is (`workerData`), since it is nothing but SharedArrayBuffers. */
import { RateLimiter } from '../edge/index.ts'
import { SharedAmounts, type Runtime } from '../foundation/index.ts'
import { ReplayMemory } from '../replay/index.ts'

export interface SharedMemory {
  /** Requests that were accepted: for the process's `ReplayGuard`, and a `ReplayGate` in each thread. */
  replay: SharedArrayBuffer
  /** For `RateLimiter`. */
  rates: SharedArrayBuffer
  /** For `BodyBudget`. */
  bodies: SharedArrayBuffer
  /** For `AnswerBudget`. */
  answers: SharedArrayBuffer
  /** Work of apps under way, for every `PerAppLimit` of a thread by one `SharedAmounts`. */
  underWay: SharedArrayBuffer
}

/** @param threads how many there are at once, the main thread included; their numbers are below this, the main thread's is 0 */
export function createSharedMemory(threads: number, runtime: Runtime): SharedMemory {
  return {
    replay: ReplayMemory.create(runtime),
    rates: RateLimiter.create(runtime),
    bodies: SharedAmounts.create(threads, runtime),
    answers: SharedAmounts.create(threads, runtime),
    underWay: SharedAmounts.create(threads, runtime),
  }
}

/** Gives back what a thread held that has ended; called by the main thread, before another thread gets its number. */
export function forgetThread({ bodies, answers, underWay }: SharedMemory, threadNumber: number): void {
  for (const memory of [bodies, answers, underWay]) new SharedAmounts({ memory, threadNumber: 0 }).forgetThread(threadNumber)
}
