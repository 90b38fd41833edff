import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { enroll, succeed, call } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { enrollApp, openDomain, type Domain, secretsOf, versionsOf } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

/** As many secrets as asked for, copied in the store from one that the domain made: lists don't open them. */
async function fill({ storage, secrets }: Domain, app: string, count: number): Promise<void> {
  await secrets.manager.create(appCall(app, 'CreateSecret'), {
    name: 'secret 0',
    value: 'x',
    keyId: undefined,
    description: 'first',
    rotationInterval: undefined,
  })
  const row = (await secrets.manager.find(asApp(app), 'secret 0'))!
  const [version] = await storage.readSecretVersions({ secretId: row.id, after: 0, limit: 1 })
  const copies = Array.from({ length: count - 1 }, (_, i) => {
    const copy = { ...row, id: `${row.id} ${i}`, name: `secret ${i + 1}`, description: `number ${i + 1}`, createdAt: row.createdAt + i + 1 }
    return storage.insertSecret({ secret: copy, version: version!, limit: count, audit: null })
  })
  await Promise.all(copies)
}

test('ListSecrets gives the oldest 4000, in order and within 50 milliseconds, and the rest after a name', async (t) => {
  await using store = await testStore('sqlite')
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const app = await enrollApp(domain)
  await fill(domain, app, 4_321)
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const started = performance.now()
    const list = await secretsOf(domain, app)
    times.push(performance.now() - started)
    assert.deepEqual(
      list.map(({ name }) => name),
      Array.from({ length: 4_000 }, (_, n) => `secret ${n}`),
    )
  }
  t.diagnostic(`4000 secrets in ${Math.min(...times).toFixed(1)} ms`)
  const rest = await secretsOf(domain, app, 'secret 3999')
  assert.deepEqual([rest.length, rest[0]!.name, rest.at(-1)!.name], [321, 'secret 4000', 'secret 4320'])
  assert.equal((await secretsOf(domain, app, 'secret 321')).length, 3_999)
  assert.equal((await secretsOf(domain, app, 'secret 320')).length, 4_000)
  assert.deepEqual(await secretsOf(domain, app, 'secret 4320'), [])
  await assert.rejects(secretsOf(domain, app, 'no such secret'), refusal('secret_not_found'))
})

eachDatabase('secrets of one millisecond are listed each once over all pages', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const app = await enrollApp(domain)
  const { manager, deletion } = domain.secrets
  const names = Array.from({ length: 450 }, (_, i) => `secret ${i}`)
  const create = (name: string) =>
    manager.create(appCall(app, 'CreateSecret'), {
      name,
      value: 'x',
      keyId: undefined,
      description: undefined,
      rotationInterval: undefined,
    })
  // Fifty at a time: on PostgreSQL the creations of one app wait for each other, and waiting is bounded.
  for (let from = 0; from < names.length; from += 50) await Promise.all(names.slice(from, from + 50).map(create))
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'secret 7', 1)
  const list = await secretsOf(domain, app)
  assert.deepEqual(list.map(({ name }) => name).sort(), names.toSorted())
  assert.deepEqual(
    list.filter(({ destroyAt }) => destroyAt !== null).map(({ name }) => name),
    ['secret 7'],
  )
  const [middle] = list.slice(200)
  assert.deepEqual(await secretsOf(domain, app, middle!.name), list.slice(201))
})

test('on the wire: descriptions, planned deletions, the filter and the page after a name', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  await succeed(server.url, app, 'CreateSecret', { secretName: 'one', secretData: 'x', description: 'first' })
  await succeed(server.url, app, 'CreateSecret', { secretName: 'two', secretData: 'x' })
  await succeed(server.url, app, 'DeleteSecret', { secretName: 'two' })
  const entries = async (payload?: object) => {
    const { totalCount, secretList } = (await succeed(server.url, app, 'ListSecrets', payload)) as unknown as {
      totalCount: number
      secretList: Record<string, unknown>[]
    }
    assert.equal(totalCount, secretList.length)
    return secretList.map((entry) => Object.keys(entry).join())
  }
  const [one, two] = ['secretName,description,createTime', 'secretName,createTime,plannedDeleteTime']
  assert.deepEqual(await entries(), [one, two])
  assert.deepEqual(await entries({}), [one, two])
  assert.deepEqual(await entries({ secretName: 'two' }), [two])
  assert.deepEqual(await entries({ secretName: 'three' }), [])
  assert.deepEqual(await entries({ after: 'one' }), [two])
  assert.equal((await call(server.url, app, 'ListSecrets', { after: 'three' })).message, 'Cannot find secretName')
})

eachDatabase('old versions go when a new value comes, the newest never', async (store) => {
  const options = { storage: await store.open(), dataDir: store.location.dataDir }
  let app: string
  {
    await using domain = await openDomain({ ...options, policy: { secretVersionsKept: 3 } })
    app = await enrollApp(domain)
    const { manager } = domain.secrets
    await manager.create(appCall(app, 'CreateSecret'), {
      name: 's',
      value: '1',
      keyId: undefined,
      description: undefined,
      rotationInterval: undefined,
    })
    const pruned: number[] = []
    for (const value of ['2', '3', '4', '5']) pruned.push((await manager.put(appCall(app, 'PutSecretValue'), 's', value)).pruned)
    assert.deepEqual(pruned, [0, 0, 1, 1])
    assert.deepEqual(await versionsOf(domain, app, 's'), [5, 4, 3])
    assert.equal(await manager.value(asApp(app), 's', 2), null)
    assert.equal((await manager.value(asApp(app), 's', 3))?.value, '3')
    const audit = await listRecords(domain.storage, { after: 0, limit: 100 })
    const details = audit.filter(({ action }) => action === 'PruneSecretVersions').map(({ detail }) => detail)
    assert.deepEqual(details, ['{"name":"s","upTo":1}', '{"name":"s","upTo":2}'])
  }
  await using stricter = await openDomain({ ...options, policy: { secretVersionsKept: 1 } })
  assert.equal((await stricter.secrets.manager.put(appCall(app, 'PutSecretValue'), 's', '6')).pruned, 3)
  assert.equal((await stricter.secrets.manager.value(asApp(app), 's', undefined))?.value, '6')
  await stricter.secrets.rotation.request(appCall(app, 'RotateSecret'), 's')
  await stricter.secrets.rotation.run()
  assert.equal((await stricter.secrets.manager.value(asApp(app), 's', undefined))?.value, '6')
})

test('PutSecretValue says how many versions went', async () => {
  await using server = await startTestServer({ flags: ['--secret-versions-kept', '2'] })
  const app = await enroll(server.url)
  await succeed(server.url, app, 'CreateSecret', { secretName: 's', secretData: '1' })
  const put = async () => (await succeed(server.url, app, 'PutSecretValue', { secretName: 's', secretData: 'x' })) as unknown
  assert.deepEqual([await put(), await put()], [{}, { prunedVersions: 1 }])
})

eachDatabase('an app has as many secrets as it may have, exactly, those scheduled for deletion included', async (store) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, policy: { secretsPerApp: 5 } })
  const app = await enrollApp(domain)
  const { manager, deletion } = domain.secrets
  const create = (name: string) =>
    manager
      .create(appCall(app, 'CreateSecret'), { name, value: 'x', keyId: undefined, description: undefined, rotationInterval: undefined })
      .then(
        () => 'created',
        (error: { code: string }) => error.code,
      )
  const outcomes = await Promise.all(Array.from({ length: 12 }, (_, i) => create(`secret ${i}`)))
  assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 5)
  assert.equal(outcomes.filter((outcome) => outcome === 'secret_limit').length, 7)
  const { name } = (await secretsOf(domain, app))[0]!
  await deletion.schedule(appCall(app, 'DeleteSecret'), name, 1)
  assert.equal(await create('one more'), 'secret_limit')
  await deletion.destroy(appCall(app, 'DeleteSecret'), name)
  assert.equal(await create('one more'), 'created')
})
