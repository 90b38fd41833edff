import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp, addKey, addKeys, auditRow, importSessionRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

eachDatabase('one key is deleted, audited and announced; another app cannot', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const key = await addKey(storage)
  const deletion = { id: 'key', deletedAt: 100, destroyAt: 200, audit: auditRow({ action: 'DeleteKey' }) }
  assert.deepEqual(await storage.deleteKeys({ ...deletion, appId: 'neighbour' }), [])
  assert.deepEqual(await storage.deleteKeys({ ...deletion, appId: 'app' }), ['key'])
  assert.deepEqual(await storage.deleteKeys({ ...deletion, appId: 'app', deletedAt: 150 }), [])
  assert.deepEqual(await storage.findKey({ id: 'key' }), { ...key, deletedAt: 100, destroyAt: 200 })
  assert.deepEqual(await storage.listKeys({ appId: 'app', after: null, limit: 10 }), [])
  assert.deepEqual(await storage.readChanges({ after: 0, limit: 10 }), [{ seq: 1, kind: 'key', objectId: 'key' }])
  const audit = await listRecords(storage, { after: 0, limit: 10 })
  assert.deepEqual(audit, [{ seq: 1, ...auditRow({ action: 'DeleteKey', object: 'key' }), detail: null }])
})

eachDatabase("all of an app's keys are deleted, its default key and other apps' keys are not", async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'foreign', appId: 'neighbour' })
  const expected = Array.from({ length: 1_100 }, (_, i) => `key-${String(i).padStart(4, '0')}`)
  await addKeys(
    storage,
    expected.map((id) => ({ id })),
  )
  const deleted = await storage.deleteKeys({ appId: 'app', id: null, deletedAt: 100, destroyAt: 200, audit: auditRow() })
  assert.deepEqual(deleted, expected)
  assert.deepEqual(await storage.listKeys({ appId: 'app', after: null, limit: 10 }), [])
  assert.equal((await storage.findKey({ id: 'app-default' }))?.deletedAt, null)
  assert.equal((await storage.findKey({ id: 'foreign' }))?.deletedAt, null)
  const audit = await listRecords(storage, { after: 0, limit: 2_000 })
  assert.deepEqual(
    audit.map((row) => row.object),
    expected,
  )
  const changes = await storage.readChanges({ after: 0, limit: 2_000 })
  assert.deepEqual(
    changes,
    expected.map((objectId, i) => ({ seq: i + 1, kind: 'key', objectId })),
  )
})

eachDatabase('a deletion without a recovery window removes the rows and their imports at once', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addKey(storage, { origin: 'external', material: null })
  await storage.putImportSession({ session: importSessionRow(), audit: null })
  const deleted = await storage.deleteKeys({ appId: 'app', id: 'key', deletedAt: 100, destroyAt: 100, audit: auditRow() })
  assert.deepEqual(deleted, ['key'])
  assert.equal(await storage.findKey({ id: 'key' }), null)
  assert.equal(await storage.findImportSession({ keyId: 'key' }), null)
  assert.equal(await storage.latestChange(), 1)
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 1)
})

eachDatabase('deleted keys are paged by creation, of one app or of all', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'kept', createdAt: 5 })
  await addKey(storage, { id: 'b', createdAt: 20 })
  await addKey(storage, { id: 'a', createdAt: 20, appId: 'neighbour' })
  await addKey(storage, { id: 'c', createdAt: 10 })
  await storage.deleteKeys({ appId: 'app', id: 'b', deletedAt: 100, destroyAt: 200, audit: null })
  await storage.deleteKeys({ appId: 'app', id: 'c', deletedAt: 101, destroyAt: 200, audit: null })
  await storage.deleteKeys({ appId: 'neighbour', id: null, deletedAt: 102, destroyAt: 200, audit: null })
  const page = async (appId: string | null, after: { createdAt: number; id: string } | null, limit = 10) =>
    (await storage.listDeletedKeys({ appId, after, limit })).map((key) => key.id)
  assert.deepEqual(await page(null, null), ['c', 'a', 'b'])
  assert.deepEqual(await page(null, null, 2), ['c', 'a'])
  assert.deepEqual(await page(null, { createdAt: 20, id: 'a' }), ['b'])
  assert.deepEqual(await page('app', null), ['c', 'b'])
  assert.deepEqual(await page('neighbour', null), ['a'])
})

eachDatabase('a deleted key is restored disabled, once', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const key = await addKey(storage)
  const restoration = { id: 'key', at: 150, audit: auditRow({ action: 'RestoreKey' }) }
  assert.equal(await storage.restoreKey({ ...restoration, appId: null }), null)
  await storage.deleteKeys({ appId: 'app', id: 'key', deletedAt: 100, destroyAt: 200, audit: null })
  assert.equal(await storage.restoreKey({ ...restoration, appId: 'neighbour' }), null)
  const restored = { ...key, enabled: false }
  assert.deepEqual(await storage.restoreKey({ ...restoration, appId: 'app' }), restored)
  assert.equal(await storage.restoreKey({ ...restoration, appId: 'app' }), null)
  assert.deepEqual(await storage.findKey({ id: 'key' }), restored)
  assert.deepEqual(await storage.destroyDueKeys({ now: 1_000, limit: 10, audit: null }), [])
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 1)
  assert.equal(await storage.latestChange(), 2)
})

eachDatabase('due keys are destroyed with their imports, the longest due first, each audited', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  for (const [id, destroyAt] of [
    ['z', 201],
    ['a', 202],
    ['m', 203],
    ['later', 300],
  ] as const) {
    await addKey(storage, { id, origin: 'external', material: null })
    await storage.putImportSession({ session: importSessionRow({ keyId: id }), audit: null })
    await storage.deleteKeys({ appId: 'app', id, deletedAt: 100, destroyAt, audit: null })
  }
  await addKey(storage, { id: 'kept' })
  const audit = auditRow({ action: 'DestroyKey' })
  assert.deepEqual(await storage.destroyDueKeys({ now: 200, limit: 10, audit }), [])
  assert.deepEqual(await storage.destroyDueKeys({ now: 203, limit: 2, audit }), ['a', 'z'])
  assert.deepEqual(await storage.destroyDueKeys({ now: 203, limit: 2, audit }), ['m'])
  assert.deepEqual(await storage.destroyDueKeys({ now: 203, limit: 2, audit }), [])
  assert.equal(await storage.findKey({ id: 'a' }), null)
  assert.equal(await storage.findImportSession({ keyId: 'a' }), null)
  assert.notEqual(await storage.findKey({ id: 'later' }), null)
  assert.notEqual(await storage.findKey({ id: 'kept' }), null)
  const trail = await listRecords(storage, { after: 0, limit: 10 })
  assert.deepEqual(
    trail.map((row) => [row.action, row.object]),
    [
      ['DestroyKey', 'a'],
      ['DestroyKey', 'z'],
      ['DestroyKey', 'm'],
    ],
  )
})
