import assert from 'node:assert/strict'
import { Client } from 'pg'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import type { DomainKeyRow, Storage } from '../../src/storage/index.ts'
import { test } from 'node:test'
import { addApp, apiKeyRow, keyRow, secretRow, secretVersionRow } from '../support/rows.ts'

const domainKey = (version: number): DomainKeyRow => ({
  version,
  rootKeyId: 'root',
  wrapped: new Uint8Array([version]),
  checkValue: '',
  createdAt: 1,
  active: true,
  mac: new Uint8Array([version]),
})
const NOW = { at: 1, audit: null }

async function addKeys(storage: Storage, count: number, domainVersion = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    await storage.insertKey({ key: keyRow({ id: `key-${domainVersion}-${i}`, domainVersion }), limit: 100, audit: null })
  }
}

eachDatabase('blobs under old domain keys are found page by page, with what identifies their rows', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addKeys(storage, 5)
  await addKeys(storage, 2, 2)
  await storage.insertKey({ key: keyRow({ id: 'pending', material: null, domainVersion: 0 }), limit: 100, audit: null })
  const secret = secretRow({ name: 'a "name"' })
  await storage.insertSecret({ secret, version: secretVersionRow(), limit: 10, audit: null })
  // The app's default key and API key, five keys, the secret's data key and its value.
  assert.equal(await storage.countSealed({ below: 2 }), 9)
  assert.equal(await storage.countSealed({ below: 3 }), 11)
  const first = await storage.readSealed({ table: 'keys', below: 2, after: null, limit: 4 })
  const rest = await storage.readSealed({ table: 'keys', below: 2, after: first.at(-1)!.key, limit: 4 })
  assert.deepEqual(
    [...first, ...rest].map(({ key }) => key),
    ['app-default', 'key-1-0', 'key-1-1', 'key-1-2', 'key-1-3', 'key-1-4'].map((id) => [id]),
  )
  assert.deepEqual(first[1]!.row, { ...keyRow({ id: 'key-1-0' }) })
  const [version] = await storage.readSealed({ table: 'secret_versions', below: 2, after: null, limit: 4 })
  assert.deepEqual(version, {
    key: ['secret', 1],
    blob: secretVersionRow().sealed,
    domainVersion: 1,
    row: { ...secretVersionRow(), secretId: 'secret', secret: { id: 'secret', appId: 'app', name: 'a "name"', keyGeneration: 1 } },
  })
  assert.deepEqual(await storage.readSealed({ table: 'secret_versions', below: 2, after: ['secret', 1], limit: 4 }), [])
})

eachDatabase('a blob is replaced only if it is still as it was read', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addKeys(storage, 2)
  const [, ...items] = await storage.readSealed({ table: 'keys', below: 2, after: null, limit: 10 })
  const replacement = items.map(({ key, blob }, i) => ({
    key,
    was: i === 0 ? new Uint8Array([9, 9]) : blob,
    blob: new Uint8Array([7]),
    domainVersion: 2,
  }))
  assert.equal(await storage.replaceSealed({ table: 'keys', items: replacement }), 1)
  const { material, domainVersion } = (await storage.findKey({ id: 'key-1-1' }))!
  assert.deepEqual([material, domainVersion], [new Uint8Array([7]), 2])
  assert.deepEqual((await storage.findKey({ id: 'key-1-0' }))!.material, keyRow().material)
})

eachDatabase('domain keys are retired only when nothing is under them, and nothing comes under them after', async ({ open }) => {
  const storage = await open()
  for (const version of [1, 2]) await storage.insertDomainKey({ row: domainKey(version), ...NOW })
  const before = await storage.domainKeyRevision()
  await addApp(storage)
  assert.equal(await storage.retireDomainKeys({ below: 2, ...NOW }), 'in_use')
  assert.equal(await storage.domainKeyRevision(), before)
  for (const table of ['keys', 'api_keys'] as const) {
    const items = await storage.readSealed({ table, below: 2, after: null, limit: 10 })
    const replaced = items.map(({ key, blob }) => ({ key, was: blob, blob, domainVersion: 2 }))
    assert.equal(await storage.replaceSealed({ table, items: replaced }), items.length)
  }
  assert.equal(await storage.retireDomainKeys({ below: 2, ...NOW }), 'retired')
  assert.deepEqual(
    (await storage.listDomainKeys()).map(({ version }) => version),
    [2],
  )
  assert.equal(await storage.domainKeyRevision(), before + 1)
  await assert.rejects(addKeys(storage, 1, 1), { name: 'StorageError', code: 'internal' })
  await assert.rejects(storage.rotateApiKey({ apiKey: apiKeyRow({ id: 'new' }), othersUntil: 5, limit: 5, ...NOW }), { code: 'internal' })
  await addKeys(storage, 1, 2)
  await storage.insertKey({ key: keyRow({ id: 'pending', material: null, domainVersion: 0 }), limit: 100, audit: null })
})

test('a retirement waits for who is storing a blob under the old key, and then sees it (postgres)', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  for (const version of [1, 2]) await storage.insertDomainKey({ row: domainKey(version), ...NOW })
  await storage.insertApp({
    app: { id: 'app', enabled: true, strictSignature: false, acceptUpperCase: true, createdAt: 1 },
    apiKey: apiKeyRow({ domainVersion: 2 }),
    defaultKey: keyRow({ id: 'default', isDefault: true, domainVersion: 2 }),
    limit: 10,
    audit: null,
  })
  const late = new Client({ connectionString: store.location.databaseUrl })
  await late.connect()
  await late.query('begin')
  await late.query(`update keys set domain_version = 1 where id = 'default'`)
  const retiring = storage.retireDomainKeys({ below: 2, ...NOW })
  await late.query('commit')
  assert.equal(await retiring, 'in_use')
  await late.query('begin')
  await late.query(`update keys set domain_version = 2 where id = 'default'`)
  await late.query('commit')
  assert.equal(await storage.retireDomainKeys({ below: 2, ...NOW }), 'retired')
  await assert.rejects(late.query(`update keys set domain_version = 1 where id = 'default'`), /the domain key was retired/)
  await late.end()
})

eachDatabase('all domain keys go under another root key at once, or none does', async ({ open }) => {
  const storage = await open()
  for (const version of [1, 2]) await storage.insertDomainKey({ row: domainKey(version), ...NOW })
  const wrapped = [1, 2].map((version) => ({ version, wrapped: new Uint8Array([version, 9]), mac: new Uint8Array([version, 8]) }))
  const other = { from: 'root', to: 'other', ...NOW }
  assert.equal(await storage.rewrapDomainKeys({ ...other, wrapped: wrapped.slice(1) }), false)
  assert.equal(await storage.rewrapDomainKeys({ ...other, from: 'nobody', wrapped }), false)
  assert.deepEqual(await storage.listDomainKeys(), [domainKey(1), domainKey(2)])
  assert.equal(await storage.rewrapDomainKeys({ ...other, wrapped }), true)
  assert.deepEqual(
    await storage.listDomainKeys(),
    [1, 2].map((version) => ({
      ...domainKey(version),
      rootKeyId: 'other',
      wrapped: new Uint8Array([version, 9]),
      mac: new Uint8Array([version, 8]),
    })),
  )
  assert.equal(await storage.rewrapDomainKeys({ ...other, wrapped }), false)
})

eachDatabase('a store that is being restored into says so until the restore ends', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  assert.equal(await storage.beginRestore(), 'not_empty')
  await assert.rejects(storage.insertRestored({ table: 'apps', rows: [{ id: 'x' }] }), { code: 'internal' })
  assert.equal(await storage.isRestoring(), false)
})
