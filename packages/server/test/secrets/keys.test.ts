/** Secrets and the keys (CMKs) that protect them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { pinnedRuntime } from '../support/runtime.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

const DAY_MS = 24 * 60 * 60 * 1000

/** An app with a key and a secret under it; calls carry the pinned clock's time. */
async function arrange(url: string, now: () => number, key: object = {}) {
  const app: Credentials = await enroll(url)
  const said = async (action: string, payload: object) => {
    const { code, message } = await call(url, app, action, payload, { timestamp: String(now()) })
    return `${code} ${message}`
  }
  const ok = (action: string, payload: object) => succeed(url, app, action, payload, { timestamp: String(now()) })
  const create = async (more: object = {}): Promise<string> =>
    (await ok('CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY', ...more })).keyid!
  const keyid = await create(key)
  await ok('CreateSecret', { secretName: 'secret', secretData: 'value', encryptionKeyId: keyid })
  return { app, said, ok, create, keyid }
}

test('W18: a disabled key neither opens nor takes values, and works again when it is enabled', async () => {
  await using server = await startTestServer()
  const { said, ok, keyid } = await arrange(server.url, Date.now)
  await ok('GetSecretValue', { secretName: 'secret' })
  await ok('DisableKey', { keyid })
  const refused = '400 keyid is disabled'
  assert.equal(await said('GetSecretValue', { secretName: 'secret' }), refused, 'though its data key is in memory')
  assert.equal(await said('PutSecretValue', { secretName: 'secret', secretData: 'x' }), refused)
  assert.equal(await said('CreateSecret', { secretName: 'other', secretData: 'x', encryptionKeyId: keyid }), refused)
  await ok('EnableKey', { keyid })
  assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, 'value')
  await ok('PutSecretValue', { secretName: 'secret', secretData: 'second' })
})

test('W18: an expired key neither opens nor takes values, and works again when its life is extended', async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime })
  const { said, ok, keyid } = await arrange(server.url, runtime.now, { expireTime: runtime.now() + DAY_MS })
  await ok('GetSecretValue', { secretName: 'secret' })
  runtime.advance(DAY_MS + 1)
  const refused = '400 keyid expire'
  assert.equal(await said('GetSecretValue', { secretName: 'secret' }), refused)
  assert.equal(await said('PutSecretValue', { secretName: 'secret', secretData: 'x' }), refused)
  assert.equal(await said('CreateSecret', { secretName: 'other', secretData: 'x', encryptionKeyId: keyid }), refused)
  await ok('UpdateKey', { keyid, expireTime: runtime.now() + DAY_MS })
  assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, 'value')
})

eachDatabase('a key that is disabled through another server no longer opens secrets here, soon', async (store) => {
  await using first = await startTestServer(store.location)
  await using second = await startTestServer(store.location)
  const { app, keyid } = await arrange(first.url, Date.now)
  await succeed(second.url, app, 'GetSecretValue', { secretName: 'secret' })
  await succeed(first.url, app, 'DisableKey', { keyid })
  await eventually(async () => {
    assert.equal((await call(second.url, app, 'GetSecretValue', { secretName: 'secret' })).message, 'keyid is disabled')
  }, 5_000)
})

test('a secret without a key of its own is under the hidden default key, which never expires', async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime })
  const { ok } = await arrange(server.url, runtime.now)
  await ok('CreateSecret', { secretName: 'default', secretData: 'value' })
  runtime.advance(30 * 365 * DAY_MS)
  await ok('DeleteALLKey', {})
  assert.equal((await ok('GetSecretValue', { secretName: 'default' })).secretData, 'value')
})

test('only a symmetric encryption key that has its material can protect a secret', async () => {
  await using server = await startTestServer()
  const { said, ok, create } = await arrange(server.url, Date.now)
  const attempt = (encryptionKeyId: string, secretName: string) => said('CreateSecret', { secretName, secretData: 'x', encryptionKeyId })
  for (const keyspec of ['EH_RSA_2048', 'EH_EC_P256', 'EH_SM2', 'EH_HMAC']) {
    assert.equal(
      await attempt(await create({ keyspec }), keyspec),
      '400 Parameter invalid, The encryptionKeyId must be the id of a symmetric encryption key (AES-GCM or SM4).',
    )
  }
  assert.equal(
    await attempt(await create({ origin: 'EH_EXTERNAL_KEY' }), 'external'),
    '400 keyid has no key material yet, import it first.',
  )
  for (const keyspec of ['EH_AES_GCM_128', 'EH_AES_GCM_192', 'EH_AES_GCM_256', 'EH_SM4_CTR', 'EH_SM4_CBC']) {
    assert.equal(await attempt(await create({ keyspec }), keyspec), `200 The ${keyspec} create success.`)
    assert.equal((await ok('GetSecretValue', { secretName: keyspec })).secretData, 'x')
  }
})

test('W15: a key under secrets says so when it is deleted, and its restoration brings the values back', async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime })
  const { said, ok, keyid } = await arrange(server.url, runtime.now)
  await ok('CreateSecret', { secretName: 'second', secretData: 'x', encryptionKeyId: keyid })
  await ok('DeleteSecret', { secretName: 'second' })
  const until = new Date(runtime.now() + 7 * DAY_MS).toISOString()
  assert.equal(await said('DeleteKey', { keyid }), `200 success! 2 secrets depend on this key; it can be restored until ${until}.`)
  assert.equal(await said('DeleteKey', { keyid }), '200 success!', 'again')
  const missing = `400 Cannot find cmk by keyid. The secret is encrypted under the key ${keyid}, which was deleted.`
  assert.equal(await said('GetSecretValue', { secretName: 'secret' }), missing)
  assert.equal(await said('PutSecretValue', { secretName: 'secret', secretData: 'x' }), '400 Cannot find cmk by keyid.')
  assert.equal(
    await said('CreateSecret', { secretName: 'third', secretData: 'x', encryptionKeyId: keyid }),
    '400 Cannot find cmk by keyid.',
  )
  assert.equal(
    await said('GetSecretValue', { secretName: 'secret', versionId: 9 }),
    '200 successful',
    'no key is needed for what is not there',
  )

  await server.server.context.keys.restore(operatorCall(), keyid, null)
  assert.equal(await said('GetSecretValue', { secretName: 'secret' }), '400 keyid is disabled')
  await ok('EnableKey', { keyid })
  assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, 'value')
})

eachDatabase(
  'without a recovery window a key under secrets can still be restored for a day; other keys are gone at once',
  async (store) => {
    const runtime = pinnedRuntime()
    await using server = await startTestServer({ ...store.location, runtime, flags: ['--key-recovery-days', '0'] })
    const { said, ok, create, keyid } = await arrange(server.url, runtime.now)
    const { keys, storage } = server.server.context
    const unused = await create()
    const until = new Date(runtime.now() + DAY_MS).toISOString()
    assert.equal(await said('DeleteALLKey', {}), `200 success! 1 secrets depend on these keys; they can be restored until ${until}.`)
    assert.equal(await storage.findKey({ id: unused }), null)
    runtime.advance(DAY_MS - 1)
    assert.equal(await keys.destroyDue(10), 0)
    await keys.restore(operatorCall(), keyid, null)
    await ok('EnableKey', { keyid })
    assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, 'value')
    await ok('DeleteKey', { keyid })
    runtime.advance(DAY_MS)
    assert.equal(await keys.destroyDue(10), 1)
    assert.match(await said('GetSecretValue', { secretName: 'secret' }), new RegExp(`the key ${keyid}, which was deleted`))
    await ok('DeleteSecret', { secretName: 'secret', forceDelete: 'true' })
  },
)

test('a value is read with one look at the store', async () => {
  await using server = await startTestServer()
  const { ok } = await arrange(server.url, Date.now)
  await ok('GetSecretValue', { secretName: 'secret' })
  const { registry } = server.server.context.metrics
  const reads = async () => {
    const { values } = await registry.getSingleMetric('vouchsafe_storage_seconds')!.get()
    const counts = values as unknown as { metricName: string; labels: { operation: string }; value: number }[]
    return counts
      .filter(({ metricName, labels }) => metricName.endsWith('_count') && /^(find|list|read)(?!Changes)/.test(labels.operation))
      .map(({ labels, value }) => [labels.operation, value] as const)
  }
  const before = new Map(await reads())
  for (let i = 0; i < 10; i++) await ok('GetSecretValue', { secretName: 'secret' })
  const more = (await reads())
    .map(([operation, count]) => [operation, count - (before.get(operation) ?? 0)])
    // What the server does by itself meanwhile is less.
    .filter(([, count]) => Number(count) >= 10)
  assert.deepEqual(more, [['findSecretValue', 10]])
})

test('wrapping a data key counts as an encryption under its key', async () => {
  await using server = await startTestServer()
  const { ok, keyid } = await arrange(server.url, Date.now)
  await ok('PutSecretValue', { secretName: 'secret', secretData: 'x' })
  assert.equal((await ok('DescribeKey', { keyid })).encryptions, 1)
  await ok('RotateSecret', { secretName: 'secret' })
  await server.server.context.secrets.rotation.run()
  assert.equal((await ok('DescribeKey', { keyid })).encryptions, 2)
  const rows = await queryDatabase(server, 'select count(*) as n from secret_versions')
  assert.equal(rows[0]!.n, 2)
})
