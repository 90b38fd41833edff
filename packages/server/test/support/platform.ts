import { systemPlatform, type Platform } from '../../src/platform.ts'

export interface PinnedPlatform extends Platform {
  /** Lets time pass on both clocks. */
  advance(ms: number): void
  /** Sets the wall clock ahead or back; the monotonic one goes on. */
  step(ms: number): void
}

/** Clocks that stand still until a test moves them; randomness and ids are real. */
export function pinnedPlatform(start = Date.now()): PinnedPlatform {
  let now = start
  let monotonic = 1_000
  return {
    ...systemPlatform,
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
