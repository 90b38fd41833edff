import { setTimeout as wait } from 'node:timers/promises'
import { systemRuntime } from '../../src/runtime.ts'
import type { Runtime } from '../../src/runtime.ts'

/** Waits take a few milliseconds, whatever was asked for, and the clock counts them in full. */
export function instant(): Runtime {
  let ahead = 0
  return {
    ...systemRuntime,
    now: () => Date.now() + ahead,
    async sleep(milliseconds, signal) {
      await wait(5, undefined, { signal })
      ahead += milliseconds
    },
  }
}
