import assert from 'node:assert/strict'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { enrollApp, keyRequest, openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { appCall, asApp, operatorCall } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const TEXT = Buffer.from('text')

async function open(store: TestStore, keyRecoveryDays = 7) {
  const runtime = pinnedRuntime()
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime, policy: { keyRecoveryDays } })
  return { domain, runtime }
}

async function listed({ storage }: Domain, app: string): Promise<string[]> {
  return (await storage.listKeys({ appId: app, after: null, limit: 100 })).map(({ id }) => id)
}

eachDatabase('a deleted key is refused and unlisted at once, and comes back disabled within its window', async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  const { keys, cryptography } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app, 'CreateKey'), keyRequest({ alias: 'kept' }))
  const ciphertext = await cryptography.encrypt(asApp(app), key, TEXT, undefined)

  assert.deepEqual(await keys.delete(appCall(app), key), [key])
  await assert.rejects(async () => cryptography.decrypt(asApp(app), key, ciphertext, undefined), refusal('key_not_found'))
  assert.deepEqual(await listed(domain, app), [])
  assert.deepEqual(await keys.delete(appCall(app, 'DeleteKey'), key), [], 'deleting again is no error')

  runtime.advance(7 * DAY_MS - 1)
  assert.equal(await keys.destroyDue(100), 0)
  const restored = await keys.restore(operatorCall(), key, app)
  assert.deepEqual([restored.id, restored.alias, restored.enabled], [key, 'kept', false])
  assert.deepEqual(await listed(domain, app), [key])
  await assert.rejects(cryptography.decrypt(asApp(app), key, ciphertext, undefined), refusal('key_disabled'))
  await keys.setEnabled(appCall(app), key, true)
  assert.deepEqual(await cryptography.decrypt(asApp(app), key, ciphertext, undefined), TEXT)
  runtime.advance(10 * DAY_MS)
  assert.equal(await keys.destroyDue(100), 0, 'a restored key has no date of destruction any more')
})

eachDatabase('after its window a deleted key is destroyed, and nothing brings it back', async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  const { keys, storage } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app, 'CreateKey'), keyRequest())
  const other = await keys.create(appCall(app, 'CreateKey'), keyRequest())
  await keys.delete(appCall(app, 'DeleteKey'), key)
  runtime.advance(7 * DAY_MS)
  assert.equal(await keys.destroyDue(100), 1)
  assert.equal(await storage.findKey({ id: key }), null)
  await assert.rejects(keys.restore(operatorCall(), key, app), refusal('key_not_found'))
  assert.deepEqual(await listed(domain, app), [other])
})

eachDatabase('a recovery window of nothing destroys at once', async (store) => {
  const { domain } = await open(store, 0)
  await using _ = domain
  const { keys, storage, cryptography } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app, 'CreateKey'), keyRequest())
  await cryptography.encrypt(asApp(app), key, TEXT, undefined)
  await keys.delete(appCall(app, 'DeleteKey'), key)
  assert.equal(await storage.findKey({ id: key }), null)
  await assert.rejects(async () => cryptography.encrypt(asApp(app), key, TEXT, undefined), refusal('key_not_found'))
  await assert.rejects(keys.restore(operatorCall(), key, null), refusal('key_not_found'))
})

eachDatabase('only what is pending deletion can be restored, and only as its own app', async (store) => {
  const { domain } = await open(store)
  await using _ = domain
  const { keys } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app), keyRequest())
  await assert.rejects(keys.restore(operatorCall(), key, app), refusal('key_not_found'))
  await keys.delete(appCall(app), key)
  await assert.rejects(keys.restore(operatorCall(), key, await enrollApp(domain)), refusal('key_not_found'))
  assert.equal((await keys.restore(operatorCall(), key, null)).id, key)
  await assert.rejects(keys.restore(operatorCall(), key, null), refusal('key_not_found'))
})

eachDatabase("deleting all keys takes the app's keys in every state, and each can be restored", async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  const { keys } = domain
  const app = await enrollApp(domain)
  const neighbour = await enrollApp(domain)
  const kept = await keys.create(appCall(neighbour, 'CreateKey'), keyRequest())
  const own = [
    await keys.create(appCall(app, 'CreateKey'), keyRequest()),
    await keys.create(appCall(app, 'CreateKey'), keyRequest({ expiresAt: runtime.now() + 1 })),
    await keys.create(appCall(app, 'CreateKey'), keyRequest({ origin: 'external' })),
    await keys.create(appCall(app, 'CreateKey'), keyRequest()),
  ]
  await keys.setEnabled(appCall(app), own[3]!, false)
  runtime.advance(2)
  assert.deepEqual(await keys.delete(appCall(app, 'DeleteKey'), null), own.toSorted())
  assert.deepEqual(await listed(domain, app), [])
  assert.deepEqual(await listed(domain, neighbour), [kept])
  const deleted = (await Array.fromAsync(keys.listDeleted(app))).flat().map(({ id }) => id)
  assert.deepEqual(deleted.sort(), own.toSorted())
  for (const id of own) await keys.restore(operatorCall(), id, app)
  assert.deepEqual((await listed(domain, app)).sort(), own.toSorted())
  assert.equal((await keys.describe(asApp(app), own[2]!)).state, 'disabled')
})

eachDatabase('servers that clean up at once destroy every due key once', async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  await using other = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const app = await enrollApp(domain)
  for (let i = 0; i < 30; i++) await domain.keys.create(appCall(app, 'CreateKey'), keyRequest())
  await domain.keys.delete(appCall(app, 'DeleteKey'), null)
  runtime.advance(7 * DAY_MS)
  const rounds = [domain, other, domain, other].map(({ keys }) => keys.destroyDue(30))
  const destroyed = (await Promise.all(rounds)).reduce((sum, n) => sum + n, 0)
  assert.equal(destroyed + (await domain.keys.destroyDue(30)), 30)
  const audit = await listRecords(domain.storage, { after: 0, limit: 1_000 })
  assert.equal(new Set(audit.filter(({ action }) => action === 'DestroyKey').map(({ object }) => object)).size, 30)
  assert.equal(audit.filter(({ action }) => action === 'DestroyKey').length, 30)
})
