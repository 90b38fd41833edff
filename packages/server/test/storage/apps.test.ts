import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp, apiKeyRow, appRow, auditRow, keyRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

eachDatabase('an app is found with its API key and has its default key', async ({ open }) => {
  const storage = await open()
  const defaultKey = keyRow({ id: 'default', isDefault: true, expiresAt: null })
  const audit = auditRow({ action: 'Enroll', detail: '{"from":"loopback"}' })
  const inserted = await storage.insertApp({ app: appRow(), apiKey: apiKeyRow(), defaultKey, limit: 1, audit })
  assert.equal(inserted, 'created')
  assert.deepEqual(await storage.findApp({ id: 'app' }), { app: appRow(), apiKeys: [apiKeyRow()] })
  assert.deepEqual(await storage.findKey({ id: 'default' }), defaultKey)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [{ seq: 1, ...audit }])
  assert.equal(await storage.findApp({ id: 'other' }), null)
})

eachDatabase('the count of apps is limited, and a refusal leaves nothing behind', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const refused = await storage.insertApp({
    app: appRow({ id: 'second' }),
    apiKey: apiKeyRow({ id: 'second-api-key', appId: 'second' }),
    defaultKey: keyRow({ id: 'second-default', appId: 'second', isDefault: true }),
    limit: 1,
    audit: auditRow(),
  })
  assert.equal(refused, 'limit')
  assert.equal(await storage.countApps(), 1)
  assert.equal(await storage.findApp({ id: 'second' }), null)
  assert.equal(await storage.findKey({ id: 'second-default' }), null)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [])
})

eachDatabase('an app that fails half-way leaves nothing behind', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const insertion = storage.insertApp({
    app: appRow({ id: 'second' }),
    apiKey: apiKeyRow({ id: 'second-api-key', appId: 'second' }),
    defaultKey: keyRow({ id: 'app-default', appId: 'second', isDefault: true }),
    limit: 10,
    audit: auditRow(),
  })
  await assert.rejects(insertion, { name: 'StorageError', code: 'internal', message: 'the database refused the operation' })
  assert.equal(await storage.findApp({ id: 'second' }), null)
  assert.equal(await storage.countApps(), 1)
})

eachDatabase('an update sets what it names, is audited and announced', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const audit = auditRow({ action: 'DisableApp' })
  assert.equal(await storage.updateApp({ id: 'app', set: { enabled: false, acceptUpperCase: false }, at: 5_000, audit }), true)
  assert.deepEqual((await storage.findApp({ id: 'app' }))?.app, appRow({ enabled: false, acceptUpperCase: false }))
  assert.equal(await storage.updateApp({ id: 'app', set: { strictSignature: true }, at: 5_001, audit: null }), true)
  assert.deepEqual((await storage.findApp({ id: 'app' }))?.app, appRow({ enabled: false, acceptUpperCase: false, strictSignature: true }))
  assert.deepEqual(await storage.readChanges({ after: 0, limit: 10 }), [
    { seq: 1, kind: 'app', objectId: 'app' },
    { seq: 2, kind: 'app', objectId: 'app' },
  ])
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [{ seq: 1, ...audit, detail: null }])
})

eachDatabase('an update of no app is neither audited nor announced', async ({ open }) => {
  const storage = await open()
  assert.equal(await storage.updateApp({ id: 'app', set: { enabled: false }, at: 5_000, audit: auditRow() }), false)
  assert.equal(await storage.latestChange(), 0)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 10 }), [])
})

eachDatabase('apps are paged in byte order of their ids', async ({ open }) => {
  const storage = await open()
  // English rules would put a before B, and é before z.
  for (const id of ['z', 'a', 'B', 'é', '-b']) await addApp(storage, id)
  const first = await storage.listApps({ after: null, limit: 3 })
  assert.deepEqual(
    first.map((app) => app.id),
    ['-b', 'B', 'a'],
  )
  const second = await storage.listApps({ after: 'a', limit: 3 })
  assert.deepEqual(
    second.map((app) => app.id),
    ['z', 'é'],
  )
})
