/** What lies in the store opens in its own place only (eHSM contract, W14). An administrator of the database swaps blobs and rows about. */
import assert from 'node:assert/strict'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { enrollApp, keyRequest, openDomain, type Domain } from '../support/domain.ts'
import { SealError } from '../../src/root-key/root-key-store.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

type Value = string | number | Uint8Array | null

async function arrange(store: TestStore) {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const app = await enrollApp(domain)
  const keyId = await domain.keys.create(appCall(app), keyRequest({ spec: 'sm4-ctr' }))
  for (const name of ['a', 'b']) {
    await domain.secrets.manager.create(appCall(app, 'CreateSecret'), {
      name,
      value: `${name} 1`,
      keyId,
      description: undefined,
      rotationInterval: undefined,
    })
    await domain.secrets.manager.put(appCall(app, 'PutSecretValue'), name, `${name} 2`)
  }
  return { domain, app, keyId }
}

const query = (store: TestStore, sql: string, parameters: Value[] = []) => queryDatabase(store.location, sql, parameters)

/** Reads through a server that has nothing in memory. */
async function fresh(store: TestStore): Promise<Domain> {
  return openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
}

/** The value's blob does not open. */
async function assertRefused(store: TestStore, app: string, name: string, version?: number): Promise<void> {
  await using domain = await fresh(store)
  await assert.rejects(domain.secrets.manager.value(asApp(app), name, version), SealError)
}

/** The row of the secret, or of its value, is not as it was stored. */
async function assertAltered(store: TestStore, app: string, name: string, version?: number): Promise<void> {
  await using domain = await fresh(store)
  await assert.rejects(domain.secrets.manager.value(asApp(app), name, version), { name: 'StorageError', code: 'altered' })
}

eachDatabase('nothing of a secret is stored in clear', async (store) => {
  const { domain, app, keyId } = await arrange(store)
  await using _ = domain
  const marked = 'a value like no other'
  await domain.secrets.manager.create(appCall(app, 'CreateSecret'), {
    name: 'marked',
    value: marked,
    keyId,
    description: undefined,
    rotationInterval: undefined,
  })
  for (const row of await query(store, 'select sealed from secret_versions')) {
    assert.ok(!Buffer.from(row.sealed as Uint8Array).includes(marked))
  }
})

eachDatabase('a value is not taken for that of another version or another secret', async (store) => {
  const { domain, app } = await arrange(store)
  await using _ = domain
  const blobs = await query(
    store,
    'select s.id, s.name, v.version, v.sealed from secrets s join secret_versions v on v.secret_id = s.id order by s.name, v.version',
  )
  const [a1, a2, b1] = blobs as { id: string; version: number; sealed: Uint8Array }[]
  const put = (target: typeof a1, sealed: Uint8Array) =>
    query(store, 'update secret_versions set sealed = $1 where secret_id = $2 and version = $3', [sealed, target!.id, target!.version])
  await put(a2, a1!.sealed)
  await assertAltered(store, app, 'a')
  await put(a2, b1!.sealed)
  await assertAltered(store, app, 'a')
  const altered = Uint8Array.from(a2!.sealed)
  altered[20]! ^= 1
  await put(a2, altered)
  await assertAltered(store, app, 'a')
  await put(a2, a2!.sealed.subarray(0, 5))
  await assertAltered(store, app, 'a')
  await put(a2, a2!.sealed)
  assert.equal((await domain.secrets.manager.value(asApp(app), 'a', undefined))?.value, 'a 2')
})

eachDatabase("a data key is not taken for another secret's, nor another key, name or owner for the secret's own", async (store) => {
  const { domain, app, keyId } = await arrange(store)
  await using _ = domain
  const other = await domain.keys.create(appCall(app), keyRequest({ spec: 'sm4-ctr' }))
  const stranger = await enrollApp(domain)
  const [a, b] = (await query(store, 'select id, data_key from secrets order by name')) as { id: string; data_key: Uint8Array }[]
  const set = (column: string, value: Value) => query(store, `update secrets set ${column} = $1 where id = $2`, [value, a!.id])

  await set('data_key', b!.data_key)
  await assertAltered(store, app, 'a')
  await set('data_key', a!.data_key)
  await set('key_id', other)
  await assertAltered(store, app, 'a')
  await set('key_id', keyId)
  await set('name', '"renamed"')
  await assertAltered(store, app, 'renamed')
  await set('name', '"a"')
  await set('key_generation', 2)
  await assertAltered(store, app, 'a')
  await set('key_generation', 1)
  await set('app_id', stranger)
  await query(store, 'update keys set app_id = $1 where id = $2', [stranger, keyId])
  await assertAltered(store, stranger, 'a')
  await query(store, 'update keys set app_id = $1 where id = $2', [app, keyId])
  await set('app_id', app)
  await using reader = await fresh(store)
  assert.equal((await reader.secrets.manager.value(asApp(app), 'a', undefined))?.value, 'a 2')
})

eachDatabase('a version from before a rotation does not open after it', async (store) => {
  const { domain, app } = await arrange(store)
  await using _ = domain
  const old = (await query(store, 'select * from secret_versions order by secret_id, version')) as Record<string, Value>[]
  const before = await query(store, 'select id, data_key from secrets')
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'a')
  await domain.secrets.rotation.run()
  const id = (await domain.secrets.manager.find(asApp(app), 'a'))!.id
  const row = old.find(({ secret_id, version }) => secret_id === id && Number(version) === 1)!
  await query(store, 'update secret_versions set sealed = $1 where secret_id = $2 and version = 1', [row['sealed']!, id])
  await assertAltered(store, app, 'a', 1)
  // All of the row as it was, with its MAC: the data key is another one now.
  await query(store, 'update secret_versions set revision = $1, mac = $2 where secret_id = $3 and version = 1', [
    row['revision']!,
    row['mac']!,
    id,
  ])
  await assertRefused(store, app, 'a', 1)
  await query(store, 'update secrets set data_key = $1 where id = $2', [
    before.find((secret) => secret.id === id)!.data_key as Uint8Array,
    id,
  ])
  await assertAltered(store, app, 'a', 2)
})

eachDatabase("a webhook's address can't be changed under its signing key", async (store) => {
  const { domain, app } = await arrange(store)
  await using _ = domain
  await domain.secrets.webhooks.set(appCall(app, 'SetRotationWebhook'), 'http://127.0.0.1:1/')
  await query(store, 'update rotation_webhooks set url = $1', ['http://127.0.0.1:2/'])
  const question = { rotationId: 'r', appid: app, secretName: 'a', currentVersionId: 1, attempt: 1 }
  await assert.rejects(domain.secrets.webhooks.ask(question, new AbortController().signal), { name: 'StorageError', code: 'altered' })
})
