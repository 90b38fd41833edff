import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pages } from '../../src/foundation/index.ts'

/** Reads of the numbers below `count`, and how they were asked for. */
function numbers(count: number) {
  const asked: [number | null, number][] = []
  const read = async (last: number | null, limit: number) => {
    asked.push([last, limit])
    const start = last === null ? 0 : last + 1
    return Array.from({ length: Math.min(limit, count - start) }, (_, i) => start + i)
  }
  return { asked, read }
}

test('all rows come, in pages of which none is empty', async () => {
  for (const [count, expected] of [
    [0, []],
    [2, [[0, 1]]],
    [3, [[0, 1, 2]]],
    [4, [[0, 1, 2], [3]]],
  ] as [number, number[][]][])
    assert.deepEqual(await Array.fromAsync(pages(3, numbers(count).read)), expected, `${count} rows`)
})

test('each page is read after the last row of the one before, and nothing after a short one', async () => {
  const { asked, read } = numbers(5)
  await Array.fromAsync(pages(2, read))
  assert.deepEqual(asked, [
    [null, 2],
    [1, 2],
    [3, 2],
  ])
})

test('no more is read than is taken, or than there may be in all', async () => {
  const { asked, read } = numbers(1_000)
  for await (const page of pages(10, read)) if (page.includes(15)) break
  assert.equal(asked.length, 2)
  assert.equal((await Array.fromAsync(pages(10, read, 40))).flat().length, 40)
  assert.equal(asked.length, 6)
})

test('others get their turn between pages', async () => {
  const events: string[] = []
  setImmediate(() => events.push('other'))
  for await (const page of pages(1, numbers(2).read)) events.push(`page ${page[0]}`)
  assert.deepEqual(events, ['page 0', 'other', 'page 1'])
})
