import assert from 'node:assert/strict'
import { eachDatabase, type TestStore } from '../support/databases.ts'
import { ACTOR, enrollApp, keyRequest, openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'

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
  const key = await keys.create(app, keyRequest({ alias: 'kept' }), ACTOR)
  const ciphertext = await cryptography.encrypt(app, key, TEXT, undefined)

  assert.deepEqual(await keys.delete(app, key, ACTOR), [key])
  await assert.rejects(async () => cryptography.decrypt(app, key, ciphertext, undefined), refusal('key_not_found'))
  assert.deepEqual(await listed(domain, app), [])
  assert.deepEqual(await keys.delete(app, key, ACTOR), [], 'deleting again is no error')

  runtime.advance(7 * DAY_MS - 1)
  assert.equal(await keys.destroyDue(100), 0)
  const restored = await keys.restore(key, app, ACTOR)
  assert.deepEqual([restored.id, restored.alias, restored.enabled], [key, 'kept', false])
  assert.deepEqual(await listed(domain, app), [key])
  await assert.rejects(cryptography.decrypt(app, key, ciphertext, undefined), refusal('key_disabled'))
  await keys.setEnabled(app, key, true, ACTOR)
  assert.deepEqual(await cryptography.decrypt(app, key, ciphertext, undefined), TEXT)
  runtime.advance(10 * DAY_MS)
  assert.equal(await keys.destroyDue(100), 0, 'a restored key has no date of destruction any more')
})

eachDatabase('after its window a deleted key is destroyed, and nothing brings it back', async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  const { keys, storage } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(app, keyRequest(), ACTOR)
  const other = await keys.create(app, keyRequest(), ACTOR)
  await keys.delete(app, key, ACTOR)
  runtime.advance(7 * DAY_MS)
  assert.equal(await keys.destroyDue(100), 1)
  assert.equal(await storage.findKey({ id: key }), null)
  await assert.rejects(keys.restore(key, app, ACTOR), refusal('key_not_found'))
  assert.deepEqual(await listed(domain, app), [other])
})

eachDatabase('a recovery window of nothing destroys at once', async (store) => {
  const { domain } = await open(store, 0)
  await using _ = domain
  const { keys, storage, cryptography } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(app, keyRequest(), ACTOR)
  await cryptography.encrypt(app, key, TEXT, undefined)
  await keys.delete(app, key, ACTOR)
  assert.equal(await storage.findKey({ id: key }), null)
  await assert.rejects(async () => cryptography.encrypt(app, key, TEXT, undefined), refusal('key_not_found'))
  await assert.rejects(keys.restore(key, null, ACTOR), refusal('key_not_found'))
})

eachDatabase('only what is pending deletion can be restored, and only as its own app', async (store) => {
  const { domain } = await open(store)
  await using _ = domain
  const { keys } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(app, keyRequest(), ACTOR)
  await assert.rejects(keys.restore(key, app, ACTOR), refusal('key_not_found'))
  await keys.delete(app, key, ACTOR)
  await assert.rejects(keys.restore(key, await enrollApp(domain), ACTOR), refusal('key_not_found'))
  assert.equal((await keys.restore(key, null, ACTOR)).id, key)
  await assert.rejects(keys.restore(key, null, ACTOR), refusal('key_not_found'))
})

eachDatabase("deleting all keys takes the app's keys in every state, and each can be restored", async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  const { keys } = domain
  const app = await enrollApp(domain)
  const neighbour = await enrollApp(domain)
  const kept = await keys.create(neighbour, keyRequest(), ACTOR)
  const own = [
    await keys.create(app, keyRequest(), ACTOR),
    await keys.create(app, keyRequest({ expiresAt: runtime.now() + 1 }), ACTOR),
    await keys.create(app, keyRequest({ origin: 'external' }), ACTOR),
    await keys.create(app, keyRequest(), ACTOR),
  ]
  await keys.setEnabled(app, own[3]!, false, ACTOR)
  runtime.advance(2)
  assert.deepEqual(await keys.delete(app, null, ACTOR), own.toSorted())
  assert.deepEqual(await listed(domain, app), [])
  assert.deepEqual(await listed(domain, neighbour), [kept])
  const deleted = (await Array.fromAsync(keys.listDeleted(app))).flat().map(({ id }) => id)
  assert.deepEqual(deleted.sort(), own.toSorted())
  for (const id of own) await keys.restore(id, app, ACTOR)
  assert.deepEqual((await listed(domain, app)).sort(), own.toSorted())
  assert.equal((await keys.describe(app, own[2]!)).state, 'disabled')
})

eachDatabase('servers that clean up at once destroy every due key once', async (store) => {
  const { domain, runtime } = await open(store)
  await using _ = domain
  await using other = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const app = await enrollApp(domain)
  for (let i = 0; i < 30; i++) await domain.keys.create(app, keyRequest(), ACTOR)
  await domain.keys.delete(app, null, ACTOR)
  runtime.advance(7 * DAY_MS)
  const rounds = [domain, other, domain, other].map(({ keys }) => keys.destroyDue(30))
  const destroyed = (await Promise.all(rounds)).reduce((sum, n) => sum + n, 0)
  assert.equal(destroyed + (await domain.keys.destroyDue(30)), 30)
  const audit = await domain.storage.listAudit({ after: 0, limit: 1_000 })
  assert.equal(new Set(audit.filter(({ action }) => action === 'DestroyKey').map(({ object }) => object)).size, 30)
  assert.equal(audit.filter(({ action }) => action === 'DestroyKey').length, 30)
})
