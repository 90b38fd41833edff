import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 20

/** Waits until `check` no longer throws and gives its result; after `patienceMs`, throws what it threw last. */
export async function eventually<T>(check: () => Promise<T>, patienceMs = 20_000): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= deadline) throw error
    }
    await sleep(STEP_MS)
  }
}
