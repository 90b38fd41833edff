import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SharedHeap, TOP_BLOCK_BYTES } from '../../src/foundation/index.ts'

const BYTES = 2 * TOP_BLOCK_BYTES
const words = new Int32Array(new SharedArrayBuffer(4 * SharedHeap.wordsFor(BYTES)))
const heap = new SharedHeap(words, 0, BYTES)
heap.format()
const TOP_ORDER = SharedHeap.orderFor(TOP_BLOCK_BYTES / 4)

const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('allocate' as const), words: fc.oneof(fc.nat(64), fc.nat(4096), fc.nat(2_000_000)) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('free' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'rebuild' as const }) },
)

test('blocks are zeros, large enough, apart from each other, and all memory comes back', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const blocks: number[] = []
      const range = (block: number): [number, number] => [heap.wordOf(block), heap.wordOf(block) + SharedHeap.wordsIn(block)]
      for (const each of commands) {
        if (each.do === 'allocate') {
          const block = heap.allocate(SharedHeap.orderFor(each.words))
          if (block === 0) continue
          const [start, end] = range(block)
          assert.ok(block >= 32 && end - start >= each.words && end <= words.length)
          for (const other of blocks) assert.ok(start >= range(other)[1] || end <= range(other)[0])
          assert.equal(words[start], 0)
          assert.equal(words[end - 1], 0)
          words.fill(-1, start, Math.min(end, start + 64))
          words[end - 1] = -1
          blocks.push(block)
        } else if (each.do === 'rebuild') {
          heap.rebuild((use) => blocks.forEach(use))
        } else if (blocks.length > 0) heap.free(blocks.splice(each.which % blocks.length, 1)[0]!)
      }
      for (const block of blocks) assert.equal(words[heap.wordOf(block)], -1, 'nobody else wrote into it')
      for (const block of blocks) heap.free(block)
      const all = [heap.allocate(TOP_ORDER), heap.allocate(TOP_ORDER)]
      assert.ok(all.every((block) => block !== 0))
      assert.equal(heap.allocate(0), 0)
      for (const block of all) heap.free(block)
    }),
    { numRuns: 40 },
  )
})

test('more than the largest block there is not, and an order is the smallest that suffices', () => {
  assert.equal(heap.allocate(TOP_ORDER + 1), 0)
  for (const [size, order] of [
    [1, 0],
    [16, 0],
    [17, 1],
    [32, 1],
    [33, 2],
    [65, 3],
  ] as const) {
    assert.equal(SharedHeap.orderFor(size), order, `${size} words`)
  }
})
