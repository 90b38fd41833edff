import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { KeyRow } from '../../src/storage/index.ts'
import { addApp, addKey, addKeys, auditRow, keyRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

function ids(rows: { id: string }[]): string[] {
  return rows.map((row) => row.id)
}

eachDatabase('a key comes back as it was stored, whatever is null', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const full = keyRow({ id: 'full', padding: 'EH_RSA_PKCS1_OAEP', digest: 'EH_SHA_256', alias: 'ünï', encryptions: 2 ** 40 })
  const bare = keyRow({ id: 'bare', origin: 'external', usage: null, expiresAt: null, material: null, enabled: false })
  const audit = auditRow({ object: 'full' })
  assert.equal(await storage.insertKey({ key: full, limit: 2, audit }), 'created')
  assert.equal(await storage.insertKey({ key: bare, limit: 2, audit: null }), 'created')
  assert.deepEqual(await storage.findKey({ id: 'full' }), full)
  assert.deepEqual(await storage.findKey({ id: 'bare' }), bare)
  assert.equal(await storage.findKey({ id: 'none' }), null)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [{ seq: 1, ...audit, detail: null }])
})

eachDatabase("an app's keys are limited, its default and deleted ones not counted", async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'foreign', appId: 'neighbour' })
  const insert = (id: string) => storage.insertKey({ key: keyRow({ id }), limit: 2, audit: auditRow() })
  assert.deepEqual([await insert('one'), await insert('two'), await insert('three')], ['created', 'created', 'limit'])
  assert.equal(await storage.findKey({ id: 'three' }), null)
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 2)
  await storage.deleteKeys({ appId: 'app', id: 'one', deletedAt: 10, destroyAt: 20, audit: null })
  assert.deepEqual([await insert('three'), await insert('four')], ['created', 'limit'])
  await storage.restoreKey({ id: 'one', appId: null, at: 11, audit: null })
  await storage.deleteKeys({ appId: 'app', id: null, deletedAt: 12, destroyAt: 12, audit: null })
  assert.deepEqual([await insert('five'), await insert('six'), await insert('seven')], ['created', 'created', 'limit'])
})

eachDatabase('a key of no app is refused', async ({ open }) => {
  const storage = await open()
  await assert.rejects(storage.insertKey({ key: keyRow(), limit: 1, audit: null }), { name: 'StorageError', code: 'internal' })
})

eachDatabase('keys are paged by creation and then id, without material, default, deleted and foreign keys', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'foreign', appId: 'neighbour' })
  for (const [id, createdAt] of [
    ['b', 20],
    ['a', 20],
    ['B', 20],
    ['c', 10],
    ['d', 30],
    ['deleted', 15],
  ] as const) {
    await addKey(storage, { id, createdAt })
  }
  await storage.deleteKeys({ appId: 'app', id: 'deleted', deletedAt: 40, destroyAt: 50, audit: null })
  const first = await storage.listKeys({ appId: 'app', after: null, limit: 3 })
  assert.deepEqual(ids(first), ['c', 'B', 'a'])
  const { material, ...summary } = keyRow({ id: 'c', createdAt: 10 })
  assert.deepEqual(first[0], summary)
  const second = await storage.listKeys({ appId: 'app', after: { createdAt: 20, id: 'a' }, limit: 3 })
  assert.deepEqual(ids(second), ['b', 'd'])
})

eachDatabase('a key is disabled and enabled by its own app only', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addKey(storage)
  const set = (args: { appId?: string; id?: string; enabled: boolean }) =>
    storage.setKeyEnabled({ appId: 'app', id: 'key', at: 100, audit: auditRow({ object: 'key' }), ...args })
  assert.equal(await set({ enabled: false }), true)
  assert.equal((await storage.findKey({ id: 'key' }))?.enabled, false)
  assert.equal(await set({ enabled: false }), true)
  assert.equal(await set({ enabled: true }), true)
  assert.equal((await storage.findKey({ id: 'key' }))?.enabled, true)
  assert.equal(await set({ appId: 'neighbour', enabled: false }), false)
  assert.equal(await set({ id: 'app-default', enabled: false }), false)
  await storage.deleteKeys({ appId: 'app', id: 'key', deletedAt: 100, destroyAt: 200, audit: null })
  assert.equal(await set({ enabled: false }), false)
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 3)
  assert.deepEqual(await storage.readChanges({ after: 2, limit: 10 }), [
    { seq: 3, kind: 'key', objectId: 'key' },
    { seq: 4, kind: 'key', objectId: 'key' },
  ])
})

eachDatabase('alias and expiry are set apart from each other, by the own app only', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const key = await addKey(storage)
  const update = (set: { alias?: string; expiresAt?: number | null }, appId = 'app') =>
    storage.updateKey({ appId, id: 'key', set, at: 100, audit: auditRow({ object: 'key' }) })
  assert.equal(await update({ alias: 'new' }), true)
  assert.deepEqual(await storage.findKey({ id: 'key' }), { ...key, alias: 'new' })
  assert.equal(await update({ expiresAt: null }), true)
  assert.deepEqual(await storage.findKey({ id: 'key' }), { ...key, alias: 'new', expiresAt: null })
  assert.equal(await update({ alias: 'stolen' }, 'neighbour'), false)
  assert.equal(await storage.latestChange(), 2)
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 2)
})

eachDatabase('encryptions add up, also for one key twice, and pass over keys that are gone', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const rows: Partial<KeyRow>[] = Array.from({ length: 1_100 }, (_, i) => ({ id: `key-${i}` }))
  await addKeys(storage, rows)
  await storage.addEncryptions({
    counts: [['none', 5], ['key-0', 2 ** 32], ['key-0', 1], ...rows.map((row): [string, number] => [row.id ?? '', 3])],
  })
  await storage.addEncryptions({ counts: [] })
  const listed = await storage.listKeys({ appId: 'app', after: null, limit: 2_000 })
  assert.equal(listed.length, 1_100)
  for (const { id, encryptions } of listed) assert.equal(encryptions, id === 'key-0' ? 2 ** 32 + 4 : 3)
})

eachDatabase('statistics count the keys of all apps but their default keys', async ({ open }) => {
  const storage = await open()
  const none = { total: 0, disabled: 0, pendingDeletion: 0, expired: 0, expiringSoon: 0 }
  assert.deepEqual(await storage.keyStatistics({ now: 100, soon: 200 }), none)
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'plain', appId: 'neighbour', expiresAt: null })
  await addKey(storage, { id: 'expired and disabled', expiresAt: 100, enabled: false })
  await addKey(storage, { id: 'soon', expiresAt: 101 })
  await addKey(storage, { id: 'also soon', expiresAt: 200 })
  await addKey(storage, { id: 'later', expiresAt: 201 })
  await addKey(storage, { id: 'deleted', expiresAt: 50, enabled: false })
  await storage.deleteKeys({ appId: 'app', id: 'deleted', deletedAt: 100, destroyAt: 200, audit: null })
  const counted = await storage.keyStatistics({ now: 100, soon: 200 })
  assert.deepEqual(counted, { total: 5, disabled: 1, pendingDeletion: 1, expired: 1, expiringSoon: 2 })
})
