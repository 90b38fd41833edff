import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { Storage } from '../../src/storage/index.ts'
import { addApp, auditRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

async function change(storage: Storage, at: number): Promise<void> {
  await storage.updateApp({ id: 'app', set: { enabled: true }, at, audit: null })
}

eachDatabase('changes are read in pages, and pruned by age without a number being given again', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  assert.equal(await storage.latestChange(), 0)
  for (const at of [10, 20, 30]) await change(storage, at)
  const seqs = async (after: number, limit: number) => (await storage.readChanges({ after, limit })).map((row) => row.seq)
  assert.deepEqual(await seqs(0, 2), [1, 2])
  assert.deepEqual(await seqs(2, 2), [3])
  assert.equal(await storage.pruneChanges({ before: 31 }), 3)
  assert.deepEqual(await seqs(0, 10), [])
  assert.equal(await storage.latestChange(), 3)
  await change(storage, 40)
  assert.deepEqual(await seqs(0, 10), [4])
  assert.equal(await storage.pruneChanges({ before: 40 }), 0)
})

eachDatabase('audit rows are listed in the order in which they were stored', async ({ open }) => {
  const storage = await open()
  const rows = Array.from({ length: 1_100 }, (_, i) =>
    auditRow({ at: 5_000 - i, object: `object ${i}`, detail: i % 2 ? `{"n":${i}}` : null }),
  )
  await storage.appendAudit({ rows })
  await storage.appendAudit({ rows: [] })
  assert.deepEqual(
    await listRecords(storage, { after: 0, limit: 2_000 }),
    rows.map((row, i) => ({ seq: i + 1, ...row })),
  )
  assert.deepEqual(
    (await listRecords(storage, { after: 10, limit: 2 })).map((row) => row.seq),
    [11, 12],
  )
})

eachDatabase('a change wakes the listeners of every process that has the store open', async ({ open }) => {
  const [here, there] = [await open(), await open()]
  await addApp(here)
  const woken = [here, there].map((storage) => new Promise<void>((resolve) => storage.onChange(resolve)))
  await change(here, 10)
  await Promise.all(woken)
  assert.equal(await there.latestChange(), 1)
})

eachDatabase('processes that begin the trail at once begin it once, and all of them are in it', async ({ open }) => {
  const storages = await Promise.all(Array.from({ length: 4 }, () => open()))
  await Promise.all(storages.map((storage, i) => storage.appendAudit({ rows: [auditRow({ object: `of ${i}` })] })))
  const entries = await storages[0]!.readTrail({ epoch: 1, from: 0, limit: 10 })
  assert.deepEqual(
    entries.map(({ position }) => position),
    [0, 1, 2, 3, 4],
  )
  assert.deepEqual(entries.map(({ object }) => object).toSorted(), ['', 'of 0', 'of 1', 'of 2', 'of 3'])
})
