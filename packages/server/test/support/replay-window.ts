import { SharedHeap, TOP_BLOCK_BYTES, systemRuntime } from '../../src/foundation/index.ts'
import { FingerprintSet } from '../../src/replay/fingerprint-set.ts'
import { MAX_APP_BYTES, MAX_TOTAL_BYTES, ReplayMemory } from '../../src/replay/replay-memory.ts'
import type { ReplayWindow } from '../../src/replay/replay-window.ts'

const memory = new ReplayMemory(ReplayMemory.create(systemRuntime, { appBytes: MAX_APP_BYTES, totalBytes: MAX_TOTAL_BYTES }), 0)
let windows = 0

/** An empty window with a floor, alone in the record of an app of its own. */
export function newWindow(floor: number): ReplayWindow {
  const window = memory.window(`app ${windows++}`)
  window.fence = floor
  window.open()
  return window
}

/** An empty set in a heap of its own. */
export function newSet(): FingerprintSet {
  const words = new Int32Array(new SharedArrayBuffer(4 * (16 + SharedHeap.wordsFor(TOP_BLOCK_BYTES))))
  const heap = new SharedHeap(words, 16, TOP_BLOCK_BYTES)
  heap.format()
  const set = new FingerprintSet(heap)
  set.open()
  return set
}
