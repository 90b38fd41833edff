import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadThroughCache, type ReadThroughCacheOptions } from '../../src/foundation/index.ts'

interface Row {
  text: string
}

/** A cache of rows that are read when the test says so. */
function open(options: Partial<ReadThroughCacheOptions<Row | undefined>> = {}) {
  const reads: (PromiseWithResolvers<Row | undefined> & { id: string })[] = []
  const feed = { fresh: true }
  const cache = new ReadThroughCache<Row | undefined>({
    feed,
    read(id) {
      const pending = { ...Promise.withResolvers<Row | undefined>(), id }
      reads.push(pending)
      return pending.promise
    },
    bound: { max: 2 },
    ...options,
  })
  const answer = (text: string | undefined) => reads.at(-1)!.resolve(text === undefined ? undefined : { text })
  const keep = async (id: string, text = id) => {
    const loading = cache.load(id)
    answer(text)
    await loading
  }
  return { cache, feed, reads, answer, keep }
}

test('what was read is kept, and given without waiting', async () => {
  const { cache, reads, answer } = open()
  assert.equal(cache.cached('a'), undefined)
  const first = cache.get('a')
  answer('one')
  const row = await first
  assert.deepEqual(row, { text: 'one' })
  assert.equal(cache.cached('a'), row)
  assert.equal(await cache.get('a'), row)
  assert.equal(reads.length, 1)
})

test('one read of each thing is under way at a time, for all who ask', async () => {
  const { cache, reads, answer } = open()
  const asked = [cache.get('a'), cache.load('a'), cache.get('a')]
  const other = cache.get('b')
  await Promise.resolve()
  assert.deepEqual(
    reads.map(({ id }) => id),
    ['a', 'b'],
  )
  reads[0]!.resolve({ text: 'shared' })
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([cache.cached('a')]))
  answer('other')
  assert.deepEqual(await other, { text: 'other' })
})

test('what a change overtook is neither kept nor given to who asks after the change', async () => {
  for (const change of ['forget', 'forgetAll'] as const) {
    const { cache, reads } = open()
    const before = cache.get('a')
    cache[change]('a')
    const after = cache.get('a')
    assert.equal(reads.length, 2, change)
    reads[1]!.resolve({ text: 'new' })
    assert.deepEqual(await after, { text: 'new' })
    reads[0]!.resolve({ text: 'old' })
    assert.deepEqual(await before, { text: 'old' })
    assert.deepEqual(cache.cached('a'), { text: 'new' })
  }
})

test('a change ends what is kept: of one thing, or of all', async () => {
  const { cache, keep } = open()
  await keep('a')
  await keep('b')
  cache.forget('a')
  assert.deepEqual([cache.cached('a'), cache.cached('b')], [undefined, { text: 'b' }])
  cache.forgetAll()
  assert.equal(cache.cached('b'), undefined)
  assert.equal(cache.size, 0)
})

test('without news of changes everybody reads for themselves, and nothing is kept', async () => {
  const { cache, feed, reads, keep } = open()
  await keep('a', 'old')
  const begun = cache.load('b')
  feed.fresh = false
  assert.equal(cache.cached('a'), undefined)
  const asked = [cache.get('a'), cache.get('a'), cache.get('b')]
  await Promise.resolve()
  assert.equal(reads.length, 5)
  for (const read of reads) read.resolve({ text: 'now' })
  assert.deepEqual(await Promise.all([begun, ...asked]), Array(4).fill({ text: 'now' }))
  cache.forgetAll()
  feed.fresh = true
  assert.equal(cache.cached('a'), undefined)
})

test('failures and absences are not kept, and an absence ends what was', async () => {
  const { cache, reads, answer, keep } = open()
  const failing = [cache.get('a'), cache.get('a')]
  await Promise.resolve()
  reads[0]!.reject(new Error('away'))
  for (const each of failing) await assert.rejects(each, /away/)
  const absent = cache.get('a')
  answer(undefined)
  assert.equal(await absent, undefined)
  await keep('a')
  assert.deepEqual(cache.cached('a'), { text: 'a' })
  const gone = cache.load('a')
  answer(undefined)
  await gone
  assert.equal(cache.cached('a'), undefined)
  assert.equal(reads.length, 4)
})

test('what may not be kept is given once', async () => {
  const { cache, keep } = open({ keeps: ({ text }) => text !== 'deleted' })
  await keep('a', 'deleted')
  assert.equal(cache.cached('a'), undefined)
})

test('the size is bounded: by number, or by what entries count for', async () => {
  const few = open()
  for (const id of ['a', 'b', 'c']) await few.keep(id)
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => few.cache.cached(id)?.text),
    [undefined, 'b', 'c'],
  )
  const sized = open({ bound: { maxSize: 10, sizeCalculation: ({ text }) => text.length } })
  for (const text of ['12345', '1234', '12345678901']) await sized.keep(text)
  assert.deepEqual(
    ['12345', '1234', '12345678901'].map((id) => sized.cache.cached(id)?.text),
    ['12345', '1234', undefined],
  )
})

test('a value that is not for the reader is read as an absent one is, and stays', async () => {
  const asked: string[] = []
  const rows = new Map([['a', { text: 'owner' }]])
  const read = (id: string, reader: string): Promise<Row | undefined> => {
    asked.push(`${id} by ${reader}`)
    const row = rows.get(id)
    return Promise.resolve(row?.text === reader ? row : undefined)
  }
  const cache = new ReadThroughCache<Row | undefined>({
    feed: { fresh: true },
    read,
    isFor: ({ text }, reader) => text === reader,
    bound: { max: 2 },
  })
  assert.deepEqual(await Promise.all([cache.load('a', 'stranger'), cache.load('a', 'owner')]), [undefined, { text: 'owner' }])
  assert.equal(cache.cached('a', 'stranger'), undefined)
  assert.equal(await cache.load('a', 'stranger'), undefined)
  assert.deepEqual(cache.cached('a', 'owner'), { text: 'owner' })
  assert.deepEqual(asked, ['a by stranger', 'a by owner', 'a by stranger'])
  // A change overtakes the reads of all readers.
  const overtaken = cache.load('a', 'owner')
  cache.forget('a')
  await overtaken
  assert.equal(cache.cached('a', 'owner'), undefined)
  rows.clear()
  await cache.load('a', 'owner')
  assert.equal(cache.size, 0)
})
