import type { SharedHeap } from '../foundation/index.ts'

/** The shared memory of all windows. */
export interface ReplayArea {
  readonly words: Int32Array
  /** The same memory. */
  readonly doubles: Float64Array
  readonly heap: SharedHeap
  /** Adds to what all windows have together. */
  count(bytes: number, entries: number, windows: number): void
}
