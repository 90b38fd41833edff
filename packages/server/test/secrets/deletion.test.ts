import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { Housekeeping } from '../../src/process/housekeeping.ts'
import { enrollApp, openDomain, type Domain, secretsOf, versionsOf } from '../support/domain.ts'
import { pinnedRuntime, type PinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000

async function open(store: TestStore, runtime: PinnedRuntime): Promise<Domain> {
  return openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
}

async function create({ secrets }: Domain, app: string, name: string, versions = 1): Promise<void> {
  await secrets.manager.create(appCall(app, 'CreateSecret'), {
    name,
    value: `${name} 1`,
    keyId: undefined,
    description: undefined,
    rotationInterval: '365d',
  })
  for (let i = 2; i <= versions; i++) await secrets.manager.put(appCall(app, 'PutSecretValue'), name, `${name} ${i}`)
}

/** Sorted: made within one pinned millisecond, they are listed in any order. */
async function names(domain: Domain, app: string): Promise<string[]> {
  return (await secretsOf(domain, app)).map(({ name }) => name).sort()
}

async function rows(store: TestStore, table: string): Promise<number> {
  return Number((await queryDatabase(store.location, `select count(*) as n from ${table}`))[0]!.n)
}

eachDatabase(
  'a scheduled secret is destroyed with all its versions when its time has come, by whichever server looks, over restarts',
  async (store) => {
    const runtime = pinnedRuntime()
    let app: string
    {
      await using domain = await open(store, runtime)
      app = await enrollApp(domain)
      await create(domain, app, 'doomed', 60)
      await create(domain, app, 'kept')
      await domain.secrets.deletion.schedule(appCall(app, 'DeleteSecret'), 'doomed', 30)
    }
    await using domain = await open(store, runtime)
    const { secrets, storage } = domain
    runtime.advance(30 * DAY_MS - 1)
    assert.equal(await secrets.deletion.destroyDue(), 0)
    assert.deepEqual(await names(domain, app), ['doomed', 'kept'])
    runtime.advance(1)
    assert.equal(await secrets.deletion.destroyDue(), 1)
    assert.deepEqual(await names(domain, app), ['kept'])
    assert.equal(await rows(store, 'secret_versions'), 1)
    await assert.rejects(secrets.deletion.restore(appCall(app), 'doomed'), refusal('secret_not_found'))
    const audit = await listRecords(storage, { after: 0, limit: 1_000 })
    assert.equal(audit.filter(({ action, actor }) => action === 'DestroySecret' && actor === 'system').length, 1)
  },
)

eachDatabase('W16: a restored secret is never destroyed, whichever server restored it', async (store) => {
  const runtime = pinnedRuntime()
  await using first = await open(store, runtime)
  await using second = await open(store, runtime)
  const app = await enrollApp(first)
  await create(first, app, 'restored')
  await first.secrets.deletion.schedule(appCall(app, 'DeleteSecret'), 'restored', 1)
  runtime.advance(DAY_MS - 1)
  await second.secrets.deletion.restore(appCall(app, 'RestoreSecret'), 'restored')
  runtime.advance(400 * DAY_MS)
  assert.equal(await first.secrets.deletion.destroyDue(), 0)
  assert.equal((await first.secrets.manager.value(asApp(app), 'restored', undefined))?.value, 'restored 1')

  // Restored at the very moment of its destruction: one of the two happens, whole.
  for (let i = 0; i < 10; i++) {
    await first.secrets.deletion.schedule(appCall(app, 'DeleteSecret'), 'restored', 1)
    runtime.advance(DAY_MS)
    const [destroyed, restored] = await Promise.all([
      first.secrets.deletion.destroyDue(),
      second.secrets.deletion.restore(appCall(app, 'RestoreSecret'), 'restored').then(
        () => true,
        () => false,
      ),
    ])
    assert.equal(destroyed, restored ? 0 : 1)
    assert.deepEqual(await names(second, app), restored ? ['restored'] : [])
    if (!restored) await create(first, app, 'restored')
  }
})

eachDatabase('W16: a secret made anew under a destroyed name has none of the old versions', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { manager, deletion } = domain.secrets
  const app = await enrollApp(domain)
  for (const destroy of [
    () => deletion.destroy(appCall(app, 'DeleteSecret'), 'again'),
    async () => {
      await deletion.schedule(appCall(app, 'DeleteSecret'), 'again', 1)
      runtime.advance(DAY_MS)
      await deletion.destroyDue()
    },
  ]) {
    await create(domain, app, 'again', 40)
    await destroy()
    await create(domain, app, 'again')
    assert.deepEqual(await versionsOf(domain, app, 'again'), [1])
    assert.equal(await manager.value(asApp(app), 'again', 2), null)
    await deletion.destroy(appCall(app, 'DeleteSecret'), 'again')
  }
})

eachDatabase('scheduling again moves the time', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { deletion, manager } = domain.secrets
  const app = await enrollApp(domain)
  await create(domain, app, 'moved')
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'moved', 1)
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'moved', 10)
  runtime.advance(2 * DAY_MS)
  assert.equal(await deletion.destroyDue(), 0)
  assert.equal((await manager.find(asApp(app), 'moved'))?.destroyAt, runtime.now() + 8 * DAY_MS)
})

eachDatabase('servers that clean up at once destroy every due secret once', async (store) => {
  const runtime = pinnedRuntime()
  await using first = await open(store, runtime)
  await using second = await open(store, runtime)
  const app = await enrollApp(first)
  for (let i = 0; i < 35; i++) {
    await create(first, app, `secret ${i}`)
    await first.secrets.deletion.schedule(appCall(app, 'DeleteSecret'), `secret ${i}`, 1)
  }
  runtime.advance(DAY_MS)
  const counts = await Promise.all([first, second, first, second].map(({ secrets }) => secrets.deletion.destroyDue()))
  const sum = counts.reduce((total, count) => total + count, 0) + (await first.secrets.deletion.destroyDue())
  assert.equal(sum, 35)
  const destroyed = (await listRecords(first.storage, { after: 0, limit: 1_000 })).filter(({ action }) => action === 'DestroySecret')
  assert.equal(new Set(destroyed.map(({ object }) => object)).size, 35)
  assert.equal(destroyed.length, 35)
})

eachDatabase('a clock that leaps ahead destroys nothing for an hour, and nothing at all once it is put right', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { deletion } = domain.secrets
  const app = await enrollApp(domain)
  await create(domain, app, 'safe')
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'safe', 30)
  runtime.step(40 * DAY_MS)
  assert.equal(await deletion.destroyDue(), 0)
  runtime.advance(HOUR_MS - 1)
  assert.equal(await deletion.destroyDue(), 0)
  runtime.step(-40 * DAY_MS)
  assert.equal(await deletion.destroyDue(), 0)
  runtime.advance(30 * DAY_MS - HOUR_MS)
  assert.equal(await deletion.destroyDue(), 0, 'its true time has not come')
  runtime.advance(1)
  assert.equal(await deletion.destroyDue(), 1)

  await create(domain, app, 'late')
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'late', 30)
  runtime.step(40 * DAY_MS)
  assert.equal(await deletion.destroyDue(), 0)
  runtime.advance(HOUR_MS)
  assert.equal(await deletion.destroyDue(), 1, 'the new time has proved itself')
})

eachDatabase('a clock that leaps back only puts deletions off', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { deletion } = domain.secrets
  const app = await enrollApp(domain)
  await create(domain, app, 'later')
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'later', 1)
  runtime.step(-365 * DAY_MS)
  runtime.advance(DAY_MS)
  assert.equal(await deletion.destroyDue(), 0)
  runtime.advance(365 * DAY_MS)
  assert.equal(await deletion.destroyDue(), 1)
})

test('housekeeping destroys what is due and counts what there is', async () => {
  const runtime = pinnedRuntime()
  await using store = await testStore('sqlite')
  await using domain = await open(store, runtime)
  const { secrets, keys, keyCache, storage, attestation, log } = domain
  const app = await enrollApp(domain)
  for (const name of ['one', 'two', 'three']) await create(domain, app, name)
  await secrets.deletion.schedule(appCall(app, 'DeleteSecret'), 'one', 1)
  await secrets.deletion.schedule(appCall(app, 'DeleteSecret'), 'two', 3)
  await using housekeeping = new Housekeeping({ storage, keyCache, keys, secrets, attestation, runtime, log })
  runtime.advance(DAY_MS)
  await housekeeping.run()
  assert.deepEqual(housekeeping.secretStatistics, { total: 2, pendingDeletion: 1, rotationFailing: 0 })
  assert.deepEqual(await names(domain, app), ['three', 'two'])
})

test('a forced deletion leaves no copy of the wrapped data key in the database file', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { manager, deletion } = domain.secrets
  const app = await enrollApp(domain)
  await create(domain, app, 'gone')
  const { dataKey } = (await manager.find(asApp(app), 'gone'))!
  const path = join(store.location.dataDir, 'vouchsafe.db')
  const file = () => {
    using database = new DatabaseSync(path)
    database.exec('pragma wal_checkpoint(truncate)')
    return readFileSync(path)
  }
  assert.ok(file().includes(dataKey))
  await deletion.destroy(appCall(app, 'DeleteSecret'), 'gone')
  assert.ok(!file().includes(dataKey))
})

eachDatabase('a secret is destroyed, scheduled and restored by its own app only', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { deletion, manager } = domain.secrets
  const app = await enrollApp(domain)
  const stranger = await enrollApp(domain)
  await create(domain, app, 'mine')
  await assert.rejects(deletion.destroy(appCall(stranger), 'mine'), refusal('secret_not_found'))
  await assert.rejects(deletion.schedule(appCall(stranger), 'mine', 1), refusal('secret_not_found'))
  await deletion.schedule(appCall(app), 'mine', 1)
  await assert.rejects(deletion.restore(appCall(stranger), 'mine'), refusal('secret_not_found'))
  await deletion.restore(appCall(app), 'mine')
  await assert.rejects(manager.value(asApp(stranger), 'mine', undefined), refusal('secret_not_found'))
  await assert.rejects(manager.put(appCall(stranger), 'mine', 'x'), refusal('secret_not_found'))
  await assert.rejects(manager.updateDescription(appCall(stranger), 'mine', 'x'), refusal('secret_not_found'))
  await assert.rejects(domain.secrets.rotation.request(appCall(stranger), 'mine'), refusal('secret_not_found'))
  assert.deepEqual(await versionsOf(domain, stranger, 'mine'), [])
  assert.deepEqual(await secretsOf(domain, stranger), [])
  await create(domain, stranger, 'mine')
  assert.equal((await manager.value(asApp(app), 'mine', undefined))?.value, 'mine 1')
})
