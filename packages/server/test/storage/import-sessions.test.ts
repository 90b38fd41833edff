import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { Storage } from '../../src/storage/index.ts'
import { addApp, addKey, auditRow, importSessionRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

const completion = {
  appId: 'app',
  keyId: 'key',
  tokenId: 'token',
  material: new Uint8Array([4, 5, 6]),
  domainVersion: 7,
  at: 4_999,
  audit: auditRow({ action: 'ImportKeyMaterial', object: 'key' }),
}

async function withPendingKey(storage: Storage) {
  await addApp(storage)
  return addKey(storage, { origin: 'external', material: null })
}

eachDatabase('an import gives the key its material and closes its session', async ({ open }) => {
  const storage = await open()
  const key = await withPendingKey(storage)
  const audit = auditRow({ action: 'GetParametersForImport', object: 'key' })
  assert.equal(await storage.putImportSession({ session: importSessionRow(), audit }), 'stored')
  assert.deepEqual(await storage.findImportSession({ keyId: 'key' }), importSessionRow())
  assert.equal(await storage.completeImport(completion), 'imported')
  assert.deepEqual(await storage.findKey({ id: 'key' }), { ...key, material: completion.material, domainVersion: 7 })
  assert.equal(await storage.findImportSession({ keyId: 'key' }), null)
  assert.equal(await storage.completeImport(completion), 'token')
  assert.equal(await storage.putImportSession({ session: importSessionRow(), audit }), 'imported')
  assert.deepEqual(await storage.readChanges({ after: 0, limit: 10 }), [{ seq: 1, kind: 'key', objectId: 'key' }])
  const trail = await listRecords(storage, { after: 0, limit: 10 })
  assert.deepEqual(
    trail.map((row) => row.action),
    ['GetParametersForImport', 'ImportKeyMaterial'],
  )
})

eachDatabase('a later session replaces an earlier one', async ({ open }) => {
  const storage = await open()
  await withPendingKey(storage)
  await storage.putImportSession({ session: importSessionRow({ tokenId: 'first', expiresAt: 9_000 }), audit: null })
  const second = importSessionRow({ tokenId: 'second', wrapping: new Uint8Array([1]), domainVersion: 2, expiresAt: 6_000 })
  assert.equal(await storage.putImportSession({ session: second, audit: null }), 'stored')
  assert.deepEqual(await storage.findImportSession({ keyId: 'key' }), second)
  assert.equal(await storage.completeImport({ ...completion, tokenId: 'first' }), 'token')
  assert.equal(await storage.completeImport({ ...completion, tokenId: 'second' }), 'imported')
})

eachDatabase('a wrong, expired or absent token imports nothing', async ({ open }) => {
  const storage = await open()
  const key = await withPendingKey(storage)
  assert.equal(await storage.completeImport(completion), 'token')
  await storage.putImportSession({ session: importSessionRow(), audit: null })
  assert.equal(await storage.completeImport({ ...completion, tokenId: 'guess' }), 'token')
  assert.equal(await storage.completeImport({ ...completion, at: 5_000 }), 'token')
  assert.deepEqual(await storage.findKey({ id: 'key' }), key)
  assert.equal(await storage.latestChange(), 0)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [])
})

eachDatabase('only an own, external, undeleted key can be imported to', async ({ open }) => {
  const storage = await open()
  await withPendingKey(storage)
  await addKey(storage, { id: 'internal' })
  const put = (row: { keyId?: string; appId?: string }) => storage.putImportSession({ session: importSessionRow(row), audit: auditRow() })
  assert.equal(await put({ appId: 'neighbour' }), 'missing')
  assert.equal(await put({ keyId: 'none' }), 'missing')
  assert.equal(await put({ keyId: 'internal' }), 'missing')
  assert.equal(await put({ keyId: 'app-default' }), 'missing')
  assert.equal(await put({}), 'stored')
  assert.equal(await storage.completeImport({ ...completion, appId: 'neighbour' }), 'missing')
  assert.equal(await storage.completeImport({ ...completion, keyId: 'internal' }), 'missing')
  await storage.deleteKeys({ appId: 'app', id: 'key', deletedAt: 100, destroyAt: 200, audit: null })
  assert.equal(await put({}), 'missing')
  assert.equal(await storage.completeImport(completion), 'missing')
})

eachDatabase('expired sessions are removed', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  for (const [id, expiresAt] of [
    ['one', 100],
    ['two', 101],
    ['three', 102],
  ] as const) {
    await addKey(storage, { id, origin: 'external', material: null })
    await storage.putImportSession({ session: importSessionRow({ keyId: id, expiresAt }), audit: null })
  }
  assert.equal(await storage.deleteExpiredImportSessions({ now: 101 }), 2)
  assert.equal(await storage.deleteExpiredImportSessions({ now: 101 }), 0)
  assert.notEqual(await storage.findImportSession({ keyId: 'three' }), null)
})
