import { systemRuntime, type Runtime } from '../../src/foundation/runtime.ts'

export interface PinnedRuntime extends Runtime {
  /** Lets time pass on both clocks. */
  advance(ms: number): void
  /** Sets the wall clock ahead or back; the monotonic one goes on. */
  step(ms: number): void
}

/** Clocks that stand still until a test moves them; randomness and ids are real. */
export function pinnedRuntime(start = Date.now()): PinnedRuntime {
  let now = start
  let monotonic = 1_000
  return {
    ...systemRuntime,
    now: () => now,
    monotonic: () => monotonic,
    advance(ms) {
      now += ms
      monotonic += ms
    },
    step(ms) {
      now += ms
    },
  }
}
