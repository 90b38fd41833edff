import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { Storage } from '../../src/storage/index.ts'
import { addApp, addKey, addSecret, auditRow, rotationWebhookRow, secretRow, secretVersionRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

const NAMED = { appId: 'app', name: 'name' }

async function audited(storage: Storage): Promise<string[]> {
  return (await listRecords(storage, { after: 0, limit: 100 })).map(({ action, object }) => `${action} ${object}`)
}

eachDatabase('a secret comes back as it was stored, whatever is null', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const full = secretRow({
    name: 'ünï"\ud800\0',
    description: 'd\n\udfff',
    deletedAt: 3,
    destroyAt: 4,
    lastRotationAt: 5,
    rotationId: 'r',
    rotationLeaseUntil: 6,
    rotationAttempts: 7,
    rotationFailedAt: 8,
    rotationFailure: 'f',
  })
  const bare = secretRow({ id: 'bare', name: 'bare' })
  for (const secret of [full, bare]) {
    const audit = auditRow({ action: 'CreateSecret', object: '' })
    assert.equal(await storage.insertSecret({ secret, version: secretVersionRow(), limit: 2, audit }), 'created')
    assert.deepEqual(await storage.findSecret({ appId: 'app', name: secret.name }), secret)
  }
  assert.equal(await storage.findSecret({ appId: 'neighbour', name: 'bare' }), null)
  assert.deepEqual(await audited(storage), ['CreateSecret secret', 'CreateSecret bare'])
  assert.equal(await storage.findDefaultKeyId({ appId: 'app' }), 'app-default')
  assert.equal(await storage.findDefaultKeyId({ appId: 'neighbour' }), null)
})

eachDatabase('a secret needs a free name, a key of its app that is not deleted, and room', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addApp(storage, 'neighbour')
  await addKey(storage, { id: 'deleted' })
  await storage.deleteKeys({ appId: 'app', id: 'deleted', deletedAt: 1, destroyAt: 100, audit: null })
  const insert = (row: Parameters<typeof secretRow>[0], limit = 2) =>
    storage.insertSecret({ secret: secretRow(row), version: secretVersionRow(), limit, audit: auditRow() })
  assert.equal(await insert({}), 'created')
  assert.equal(await insert({ id: 'other', keyId: 'deleted' }), 'exists')
  assert.equal(await insert({ id: 'other', name: 'other', keyId: 'deleted' }), 'key_missing')
  assert.equal(await insert({ id: 'other', name: 'other', keyId: 'none' }), 'key_missing')
  assert.equal(await insert({ id: 'other', name: 'other', keyId: 'neighbour-default' }), 'key_missing')
  assert.equal(await insert({ id: 'other', name: 'other' }, 1), 'limit')
  assert.equal(await insert({ id: 'other', appId: 'neighbour', keyId: 'neighbour-default' }, 1), 'created', "another app's name")
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 2)
})

eachDatabase('a version is put only after the current one, under the current data key, while the secret is active', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addSecret(storage)
  const put = (version: number, keyGeneration = 1, pruneTo = 0) =>
    storage.putSecretVersion({
      secretId: 'secret',
      keyGeneration,
      version: secretVersionRow({ version }),
      pruneTo,
      audit: auditRow({ action: 'Put' }),
      pruneAudit: auditRow({ action: 'Prune' }),
    })
  assert.equal(await put(3), 'conflict')
  assert.equal(await put(1), 'conflict')
  assert.equal(await put(2, 2), 'conflict')
  assert.deepEqual(await put(2), { pruned: 0 })
  assert.deepEqual(await put(3, 1, 1), { pruned: 1 })
  assert.deepEqual(await put(4, 1, 1), { pruned: 0 })
  await storage.scheduleSecretDeletion({ ...NAMED, deletedAt: 1, destroyAt: 2, audit: null })
  assert.equal(await put(5), 'conflict')
  assert.deepEqual(await audited(storage), ['Put secret', 'Put secret', 'Prune secret', 'Put secret'])
  await storage.restoreSecret({ ...NAMED, audit: null })
  const listed = await storage.listSecretVersions({ ...NAMED, before: null, limit: 10 })
  assert.deepEqual(
    listed.map(({ version }) => version),
    [4, 3, 2],
  )
  assert.deepEqual(await storage.listSecretVersions({ ...NAMED, before: 3, limit: 1 }), [{ version: 2, createdAt: 2_000 }])
  assert.equal((await storage.findSecretValue({ ...NAMED, version: null }))?.version?.version, 4)
  assert.equal((await storage.findSecretValue({ ...NAMED, version: 2 }))?.version?.version, 2)
  assert.equal((await storage.findSecretValue({ ...NAMED, version: 1 }))?.version, null)
})

eachDatabase('a rotation is leased to one, keeps its id over tries, and ends once', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addSecret(storage)
  const claim = (now: number, rotationId: string, exceptApps: string[] = []) =>
    storage.claimSecretRotation({ now, leaseUntil: now + 100, rotationId, exceptApps })
  assert.equal(await claim(4_999, 'early'), null)
  assert.equal(await claim(5_000, 'except', ['app']), null)
  const first = await claim(5_000, 'first')
  assert.deepEqual(first, secretRow({ rotationId: 'first', rotationLeaseUntil: 5_100, rotationAttempts: 1 }))
  assert.equal(await claim(5_099, 'leased'), null)
  assert.equal((await claim(5_100, 'second'))?.rotationId, 'first')
  assert.equal(await storage.failSecretRotation({ secretId: 'secret', rotationId: 'none', at: 1, failure: 'x', dueAt: 1 }), false)
  assert.equal(await storage.failSecretRotation({ secretId: 'secret', rotationId: 'first', at: 5_101, failure: 'why', dueAt: 5_500 }), true)
  assert.deepEqual(await storage.secretStatistics(), { total: 1, pendingDeletion: 0, rotationFailing: 1 })
  assert.equal(await claim(5_499, 'too early'), null)
  const third = await claim(5_500, 'third')
  assert.deepEqual([third?.rotationId, third?.rotationAttempts, third?.rotationFailure], ['first', 3, 'why'])

  const complete = (change: object = {}) =>
    storage.completeSecretRotation({
      secretId: 'secret',
      rotationId: 'first',
      currentVersion: 1,
      keyGeneration: 1,
      dataKey: new Uint8Array([2]),
      domainVersion: 3,
      versions: [secretVersionRow({ sealed: new Uint8Array([4]), domainVersion: 3 })],
      newVersion: secretVersionRow({ version: 2, createdAt: 5_600, sealed: new Uint8Array([5]) }),
      pruneTo: 0,
      at: 5_600,
      nextRotationAt: 9_000,
      audit: auditRow({ action: 'Rotate' }),
      pruneAudit: null,
      ...change,
    })
  assert.equal(await complete({ rotationId: 'none' }), 'gone')
  assert.equal(await complete({ currentVersion: 2 }), 'conflict')
  assert.equal(await complete({ keyGeneration: 2 }), 'conflict')
  const ends = await Promise.all([complete(), complete()])
  assert.deepEqual(ends.toSorted(), ['gone', 'rotated'])
  const after = secretRow({ currentVersion: 2, keyGeneration: 2, dataKey: new Uint8Array([2]), domainVersion: 3, lastRotationAt: 5_600 })
  assert.deepEqual(await storage.findSecret(NAMED), { ...after, nextRotationAt: 9_000, rotationDueAt: 9_000 })
  assert.deepEqual(await storage.readSecretVersions({ secretId: 'secret', after: 0, limit: 10 }), [
    secretVersionRow({ sealed: new Uint8Array([4]), domainVersion: 3 }),
    secretVersionRow({ version: 2, createdAt: 5_600, sealed: new Uint8Array([5]) }),
  ])
  assert.deepEqual(await audited(storage), ['Rotate secret'])
  assert.deepEqual(await storage.readChanges({ after: 0, limit: 10 }), [{ seq: 1, kind: 'secret', objectId: 'secret' }])
})

eachDatabase('a deletion is scheduled, undone, or done once, with its versions', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addSecret(storage)
  await addSecret(storage, { id: 'second', name: 'second' })
  const schedule = (name: string, destroyAt: number) =>
    storage.scheduleSecretDeletion({ appId: 'app', name, deletedAt: 10, destroyAt, audit: auditRow({ action: 'Schedule' }) })
  assert.deepEqual([await schedule('name', 20), await schedule('second', 20), await schedule('none', 20)], [true, true, false])
  assert.equal(await storage.findSecretValue({ ...NAMED, version: null }), null)
  const restore = (name: string) => storage.restoreSecret({ appId: 'app', name, audit: auditRow({ action: 'Restore' }) })
  assert.deepEqual([await restore('name'), await restore('name'), await restore('none')], [true, true, false])
  const destroyDue = (now: number) => storage.destroyDueSecrets({ now, limit: 10, audit: auditRow({ action: 'Destroy' }) })
  assert.deepEqual([await destroyDue(19), await destroyDue(20), await destroyDue(20)], [[], ['second'], []])
  assert.deepEqual(await storage.readSecretVersions({ secretId: 'second', after: 0, limit: 10 }), [])
  const force = (name: string) => storage.destroySecret({ appId: 'app', name, at: 30, audit: auditRow({ action: 'Force' }) })
  assert.deepEqual([await force('none'), await force('name'), await force('name')], [false, true, false])
  assert.deepEqual(await audited(storage), ['Schedule secret', 'Schedule second', 'Restore secret', 'Destroy second', 'Force secret'])
  assert.deepEqual(await storage.readChanges({ after: 0, limit: 10 }), [
    { seq: 1, kind: 'secret', objectId: 'second' },
    { seq: 2, kind: 'secret', objectId: 'secret' },
  ])
})

eachDatabase('keys that secrets use are kept beyond a deletion without a window, and counted', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addKey(storage, { id: 'used' })
  await addKey(storage, { id: 'unused' })
  await addSecret(storage, { keyId: 'used' })
  await addSecret(storage, { id: 'second', name: 'second', keyId: 'used' })
  const deleted = await storage.deleteKeys({ appId: 'app', id: null, deletedAt: 10, destroyAt: 10, keepUsedUntil: 50, audit: null })
  assert.deepEqual(deleted, ['unused', 'used'])
  assert.equal(await storage.findKey({ id: 'unused' }), null)
  assert.equal((await storage.findKey({ id: 'used' }))?.destroyAt, 50)
  assert.deepEqual(await storage.countDependentSecrets({ keyIds: deleted }), { secrets: 2, destroyAt: 50 })
  assert.deepEqual(await storage.countDependentSecrets({ keyIds: ['unused'] }), { secrets: 0, destroyAt: null })
  assert.deepEqual(await storage.destroyDueKeys({ now: 50, limit: 10, audit: null }), ['used'])
})

eachDatabase('an app has one webhook, the last registered', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const find = () => storage.findRotationWebhook({ appId: 'app' })
  assert.equal(await find(), null)
  await storage.putRotationWebhook({ webhook: rotationWebhookRow(), audit: auditRow({ action: 'Set' }) })
  const second = rotationWebhookRow({ url: 'https://example.org/', signingKey: new Uint8Array([9]), createdAt: 2 })
  await storage.putRotationWebhook({ webhook: second, audit: null })
  assert.deepEqual(await find(), second)
  const remove = () => storage.deleteRotationWebhook({ appId: 'app', audit: auditRow({ action: 'Remove' }) })
  assert.deepEqual([await remove(), await remove(), await find()], [true, false, null])
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 2)
})
