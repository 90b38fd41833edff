import { setTimeout as wait } from 'node:timers/promises'
import { systemPlatform } from '../../src/platform.ts'
import type { Platform } from '../../src/platform.ts'

/** Waits take a few milliseconds, whatever was asked for, and the clock counts them in full. */
export function instant(): Platform {
  let ahead = 0
  return {
    ...systemPlatform,
    now: () => Date.now() + ahead,
    async sleep(milliseconds, signal) {
      await wait(5, undefined, { signal })
      ahead += milliseconds
    },
  }
}
