/** What each action says, word for word (contract §1.1 and §5.15 to §5.23). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { call, enroll, succeed, type Credentials, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'

let server: TestServer
let app: Credentials

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

const ask = (action: string, payload?: object, who = app): Promise<Envelope> => call(server.url, who, action, payload)

/** Code and message; the result must be empty where the contract has none. */
async function said(action: string, payload?: object): Promise<string> {
  const { code, message, result } = await ask(action, payload)
  if (code !== 200) assert.deepEqual(result, {})
  return `${code} ${message}`
}

async function secret(secretName: string, more: object = {}): Promise<string> {
  assert.equal(await said('CreateSecret', { secretName, secretData: 'value', ...more }), `200 The ${secretName} create success.`)
  return secretName
}

const EXISTS = '400 Secret name already exists, cannot use the same secret name'
const NO_KEY = '400 Cannot find cmk by keyid.'
const INTERVAL = '400 The rotation time is less than 6 hours or more than 8760 hours'
const NOBODY = '01234567-89ab-4def-8123-456789abcdef'

test('CreateSecret', async () => {
  const name = await secret('created')
  assert.equal(await said('CreateSecret', { secretName: name, secretData: 'x' }), EXISTS)
  await ask('DeleteSecret', { secretName: name })
  assert.equal(await said('CreateSecret', { secretName: name, secretData: 'x' }), EXISTS, 'scheduled for deletion')

  const neighbour = await enroll(server.url)
  const foreign = await succeed(server.url, neighbour, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  const hidden = await queryDatabase(server, 'select id from keys where app_id = $1 and is_default = 1', [neighbour.appid])
  for (const encryptionKeyId of [NOBODY, foreign.keyid, hidden[0]!.id]) {
    assert.equal(await said('CreateSecret', { secretName: 'other', secretData: 'x', encryptionKeyId }), NO_KEY)
  }
  for (const [rotationInterval, expected] of [
    ['5h', INTERVAL],
    ['359m', INTERVAL],
    ['9999s', INTERVAL],
    ['0d', INTERVAL],
    ['366d', INTERVAL],
    ['8761h', INTERVAL],
    ['6h', '200 The 6h create success.'],
    ['360m', '200 The 360m create success.'],
    ['365d', '200 The 365d create success.'],
    ['8760h', '200 The 8760h create success.'],
  ] as const) {
    assert.equal(await said('CreateSecret', { secretName: rotationInterval, secretData: 'x', rotationInterval }), expected)
  }
})

test('CreateSecret: a taken name comes before a missing key, and that before the interval', async () => {
  const secretName = await secret('order')
  const wrong = { secretData: 'x', encryptionKeyId: NOBODY, rotationInterval: '1h' }
  assert.equal(await said('CreateSecret', { secretName, ...wrong }), EXISTS)
  assert.equal(await said('CreateSecret', { secretName: 'free', ...wrong }), NO_KEY)
  assert.equal(await said('CreateSecret', { secretName: 'free', secretData: 'x', rotationInterval: '1h' }), INTERVAL)
})

test('CreateSecret without a default key', async () => {
  const bare = await enroll(server.url)
  await queryDatabase(server, 'delete from keys where app_id = $1', [bare.appid])
  const { code, message } = await ask('CreateSecret', { secretName: 'x', secretData: 'x' }, bare)
  assert.equal(`${code} ${message}`, '400 Cannot find default CMK.')
})

test('UpdateSecretDesc', async () => {
  const secretName = await secret('described', { description: 'before' })
  const description = async () => (await succeed(server.url, app, 'DescribeSecret', { secretName })).description
  assert.equal(await description(), 'before')
  assert.equal(await said('UpdateSecretDesc', { secretName, description: 'after' }), '200 Update secret description success.')
  assert.equal(await description(), 'after')
  assert.equal(await said('UpdateSecretDesc', { secretName }), '200 Update secret description success.')
  assert.equal(await description(), undefined)
  assert.equal(await said('UpdateSecretDesc', { secretName: 'unknown' }), '400 Cannot find secretName')
  await ask('DeleteSecret', { secretName })
  assert.equal(await said('UpdateSecretDesc', { secretName, description: 'x' }), '400 Can not modify a deleted secret.')
})

test('PutSecretValue', async () => {
  const secretName = await secret('put')
  assert.equal(await said('PutSecretValue', { secretName, secretData: 'second' }), '200 The put new version put success.')
  assert.equal(await said('PutSecretValue', { secretName: 'unknown', secretData: 'x' }), '400 Can not find secretName')
  await ask('DeleteSecret', { secretName })
  assert.equal(await said('PutSecretValue', { secretName, secretData: 'x' }), '400 Can not put value for a deleted secret.')
  await ask('RestoreSecret', { secretName })
  await queryDatabase(
    server,
    'delete from secret_versions where version = 2 and secret_id = (select id from secrets where name = $1 and app_id = $2)',
    [JSON.stringify(secretName), app.appid],
  )
  assert.equal(await said('PutSecretValue', { secretName, secretData: 'x' }), '400 Current secretname cannot find previous version')
})

test('ListSecretVersionIds, for an unknown and for a deleted secret too', async () => {
  const secretName = await secret('versions')
  const none = (name: string) => ({ secretName: name, totalCount: 0, versionIds: [] })
  const answer = await ask('ListSecretVersionIds', { secretName })
  assert.deepEqual([answer.code, answer.message], [200, 'List secret versionIds success.'])
  assert.deepEqual(Object.keys(answer.result), ['secretName', 'totalCount', 'versionIds'])
  assert.deepEqual((await ask('ListSecretVersionIds', { secretName: 'unknown' })).result, none('unknown'))
  await ask('DeleteSecret', { secretName })
  assert.deepEqual((await ask('ListSecretVersionIds', { secretName })).result, none(secretName))
})

test('DescribeSecret says what there is, and nothing of an unknown secret', async () => {
  const secretName = await secret('plain', { rotationInterval: '12h' })
  const { code, message, result } = await ask('DescribeSecret', { secretName })
  assert.deepEqual([code, message], [200, 'Describe secrets success.'])
  const createTime = Number(result.createTime)
  assert.deepEqual(result, {
    secretName,
    createTime,
    rotationInterval: '12h',
    lastRotationDate: '',
    nextRotationDate: createTime + 12 * 3_600_000,
  })
  await ask('DeleteSecret', { secretName, recoveryPeriod: 7 })
  assert.equal(typeof (await ask('DescribeSecret', { secretName })).result.plannedDeleteTime, 'number')
  assert.deepEqual(await ask('DescribeSecret', { secretName: 'unknown' }), { code: 200, message: 'Describe secrets success.', result: {} })
})

test('DeleteSecret', async () => {
  const secretName = await secret('doomed')
  assert.equal(await said('DeleteSecret', { secretName }), '200 The doomed will be deleted after 30 days.')
  assert.equal(await said('DeleteSecret', { secretName, recoveryPeriod: 1 }), '200 The doomed will be deleted after 1 days.')
  assert.equal(await said('DeleteSecret', { secretName, recoveryPeriod: 365 }), '200 The doomed will be deleted after 365 days.')
  assert.equal(await said('DeleteSecret', { secretName: 'unknown' }), '400 Delete error, Can not find the secretName')
  assert.equal(await said('DeleteSecret', { secretName: 'unknown', forceDelete: 'true' }), '400 Delete error, Can not find the secretName')
  for (const forceDelete of ['yes', '1', 'tru', ' true']) {
    assert.equal(await said('DeleteSecret', { secretName: 'unknown', forceDelete }), '400 The forceDelete must be true or false')
  }
  for (const forceDelete of ['false', 'FALSE', 'TRUE', 'True', false, '']) {
    assert.equal(
      await said('DeleteSecret', { secretName, forceDelete }),
      '200 The doomed will be deleted after 30 days.',
      'only a plain true forces',
    )
  }
  assert.equal(await said('DeleteSecret', { secretName, force_delete: 'true' }), '200 The doomed will be deleted after 30 days.')
  assert.equal(await said('DeleteSecret', { secretName, forceDelete: 'true', recoveryPeriod: 50 }), '200 The doomed delete success')
  assert.equal(await said('DeleteSecret', { secretName: await secret('boolean'), forceDelete: true }), '200 The boolean delete success')
})

test('a forced deletion that the store refuses says so', async () => {
  const secretName = await secret('stuck')
  await queryDatabase(
    server,
    `create trigger refuse before delete on secrets when old.name = '"stuck"' begin select raise(abort, 'refused'); end`,
  )
  assert.equal(await said('DeleteSecret', { secretName, forceDelete: 'true' }), '500 Force delete failed')
  assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName })).secretData, 'value', 'nothing of it was done')
})

test('GetSecretValue', async () => {
  const secretName = await secret("it's")
  const { code, message, result } = await ask('GetSecretValue', { secretName })
  assert.deepEqual([code, message, Object.keys(result)], [200, 'successful', ['secretName', 'secretData', 'versionId', 'createTime']])
  assert.deepEqual(await ask('GetSecretValue', { secretName, versionId: 2 }), { code: 200, message: 'successful', result: {} })
  assert.equal(await said('GetSecretValue', { secretName: 'unknown' }), "400 Can't find the unknown's value.")
  assert.equal(await said('GetSecretValue', { secretName: 'unknown', versionId: 1 }), "400 Can't find the unknown's value.")
  await ask('DeleteSecret', { secretName })
  assert.equal(await said('GetSecretValue', { secretName }), "400 Can't find the it's's value.")
})

test('RestoreSecret', async () => {
  const secretName = await secret('back')
  assert.equal(await said('RestoreSecret', { secretName }), '200 The back restore success.', 'an active one')
  await ask('DeleteSecret', { secretName })
  assert.equal(await said('RestoreSecret', { secretName }), '200 The back restore success.')
  assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName })).secretData, 'value')
  assert.equal(await said('RestoreSecret', { secretName: 'unknown' }), '400 Can not restore secret, the secretName not find.')
})

test('RotateSecret and the rotation webhook', async () => {
  const secretName = await secret('turning')
  assert.equal(await said('RotateSecret', { secretName }), '200 success!')
  assert.equal(await said('RotateSecret', { secretName: 'unknown' }), '400 Cannot find secretName')
  await ask('DeleteSecret', { secretName })
  assert.equal(await said('RotateSecret', { secretName }), '400 Can not modify a deleted secret.')
  const none = { url: null, createdAt: null }
  assert.deepEqual((await ask('DescribeRotationWebhook')).result, none)
  const url = 'http://127.0.0.1:1/rotate'
  const { signingKey, ...registered } = (await ask('SetRotationWebhook', { url })).result as unknown as { signingKey: string; url: string }
  assert.deepEqual(registered, { url })
  assert.equal(Buffer.from(signingKey, 'base64').length, 32)
  const described = (await ask('DescribeRotationWebhook')).result
  assert.deepEqual(Object.keys(described), ['url', 'createdAt'])
  assert.equal(described.url, url)
  assert.notEqual(((await ask('SetRotationWebhook', { url })).result as unknown as { signingKey: string }).signingKey, signingKey)
  for (let i = 0; i < 2; i++) assert.equal(await said('DeleteRotationWebhook'), '200 success!')
  assert.deepEqual((await ask('DescribeRotationWebhook')).result, none)
})

test('W11: an action without a name touches no secret', async () => {
  const owner = await enroll(server.url)
  await succeed(server.url, owner, 'CreateSecret', { secretName: 'only', secretData: 'value', description: 'kept' })
  const missing = '400 Missing required parameters, The secretName cannot be empty.'
  for (const action of [
    'DeleteSecret',
    'UpdateSecretDesc',
    'RestoreSecret',
    'PutSecretValue',
    'GetSecretValue',
    'DescribeSecret',
    'RotateSecret',
  ]) {
    for (const payload of [undefined, {}, { secretName: null }, { secretName: '' }, { forceDelete: 'true' }]) {
      const { code, message } = await ask(action, payload, owner)
      assert.equal(`${code} ${message}`, missing, action)
    }
  }
  const { secretList } = await succeed(server.url, owner, 'ListSecrets')
  const [only] = secretList as unknown as Record<string, unknown>[]
  assert.deepEqual([only!.secretName, only!.description, only!.plannedDeleteTime], ['only', 'kept', undefined])
})
