// Who can write to the database, but hasn't the root key, can't move or relabel what is sealed in it.
import assert from 'node:assert/strict'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { collectedLog } from '../support/collected-log.ts'

const PLAINTEXT = Buffer.from('what nobody may read').toString('base64')
const FAILED = { code: 500, message: 'Server internal error, please contact the administrator.', result: {} }

async function swap({ location }: TestStore, table: string, column: string, one: string, two: string): Promise<void> {
  const value = async (id: string) =>
    (await queryDatabase(location, `select ${column} as value from ${table} where id = $1`, [id]))[0]!.value
  const [a, b] = [(await value(one)) as Uint8Array, (await value(two)) as Uint8Array]
  await queryDatabase(location, `update ${table} set ${column} = $1 where id = $2`, [b, one])
  await queryDatabase(location, `update ${table} set ${column} = $1 where id = $2`, [a, two])
}

eachDatabase("a key's material works only in its own row, untouched, with the attributes that it was made with", async (store, t) => {
  const { log, text } = collectedLog('error')
  await using server = await startTestServer({ ...store.location, log })
  const { url } = server
  const [app, other] = [await enroll(url), await enroll(url)]
  const create = async (owner: Credentials, payload: object = {}) =>
    (await succeed(url, owner, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY', ...payload }))
      .keyid as unknown as string
  const set = (column: string, value: string | number | null) => async (key: string) => {
    await queryDatabase(store.location, `update keys set ${column} = $1 where id = $2`, [value, key])
  }

  const alterations: [string, (key: string) => Promise<unknown>, object?][] = [
    ['the material of another key of the app', async (key) => swap(store, 'keys', 'material', key, await create(app))],
    ['the material of a key of another app', async (key) => swap(store, 'keys', 'material', key, await create(other))],
    ['another spec', set('spec', 'sm4-ctr'), { keyspec: 'EH_AES_GCM_128' }],
    ['another usage', set('usage', 'sign')],
    ['no usage', set('usage', null)],
    ['another origin', set('origin', 'external')],
    ['a padding', set('padding', 'oaep')],
    ['a digest', set('digest', 'sha256')],
    ['a domain key that there is not', set('domain_version', 2)],
    [
      'a blob cut short',
      async (key) => queryDatabase(store.location, `update keys set material = $1 where id = $2`, [Buffer.alloc(5, 1), key]),
    ],
    ['an altered blob', async (key) => alterLastByte(store, key)],
  ]
  for (const [what, alter, payload] of alterations) {
    await t.test(what, async () => {
      const key = await create(app, payload)
      await alter(key)
      const lines = text().length
      for (const action of ['Encrypt', 'DescribeKey']) {
        assert.deepEqual(await call(url, app, action, { keyid: key, plaintext: PLAINTEXT }), FAILED)
      }
      assert.match(text().slice(lines), /"type":"StorageError".*"code":"altered"/)
    })
  }
  await t.test("another app's key, given to this app", async () => {
    const key = await create(other)
    const { ciphertext } = await succeed(url, other, 'Encrypt', { keyid: key, plaintext: PLAINTEXT })
    await set('app_id', app.appid)(key)
    await server.server.context.keyCache.forget(key)
    assert.deepEqual(await call(url, app, 'Decrypt', { keyid: key, ciphertext }), FAILED)
  })
  await t.test('the log holds no plaintext', () => assert.ok(!text().includes(PLAINTEXT)))
})

async function alterLastByte({ location }: TestStore, key: string): Promise<void> {
  const [row] = await queryDatabase(location, 'select material from keys where id = $1', [key])
  const material = Buffer.from(row!.material as Uint8Array)
  material[material.length - 1]! ^= 1
  await queryDatabase(location, 'update keys set material = $1 where id = $2', [material, key])
}

eachDatabase('the hidden default key, relabelled as a plain key, opens nothing', async (store) => {
  await using server = await startTestServer(store.location)
  const app = await enroll(server.url)
  const [row] = await queryDatabase(store.location, 'select id from keys where is_default = 1 and app_id = $1', [app.appid])
  await queryDatabase(store.location, 'update keys set is_default = 0 where id = $1', [row!.id as string])
  assert.deepEqual(await call(server.url, app, 'Encrypt', { keyid: row!.id, plaintext: PLAINTEXT }), FAILED)
})

eachDatabase('API keys swapped between apps let nobody in', async (store) => {
  const { log, text } = collectedLog('error')
  await using server = await startTestServer({ ...store.location, log })
  const { url } = server
  const [app, other] = [await enroll(url), await enroll(url)]
  const rows = await queryDatabase(store.location, 'select id, app_id from api_keys')
  const idOf = ({ appid }: Credentials) => rows.find((row) => row.app_id === appid)!.id as string
  await swap(store, 'api_keys', 'sealed', idOf(app), idOf(other))
  const impostors: Credentials[] = [app, other, { appid: app.appid, apikey: other.apikey }, { appid: other.appid, apikey: app.apikey }]
  for (const impostor of impostors) assert.deepEqual(await call(url, impostor, 'ListKey'), FAILED)
  assert.match(text(), /"type":"StorageError".*"code":"altered"/)
  for (const { apikey } of [app, other]) assert.ok(!text().includes(apikey))

  await swap(store, 'api_keys', 'sealed', idOf(app), idOf(other))
  await queryDatabase(store.location, 'update api_keys set app_id = $1 where id = $2', [app.appid, idOf(other)])
  assert.deepEqual(await call(url, { appid: app.appid, apikey: other.apikey }, 'ListKey'), FAILED)
})

eachDatabase('the wrapping key of an import works only for its own key', async (store) => {
  await using server = await startTestServer(store.location)
  const { url } = server
  const app = await enroll(url)
  const answers: Envelope[] = []
  const keys: { keyid: unknown; importToken: unknown }[] = []
  for (let i = 0; i < 2; i++) {
    const { keyid } = await succeed(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_EXTERNAL_KEY' })
    const { importToken } = await succeed(url, app, 'GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' })
    keys.push({ keyid, importToken })
  }
  const column = async (name: string) =>
    (await queryDatabase(store.location, `select ${name} as value from import_sessions where key_id = $1`, [String(keys[1]!.keyid)]))[0]!
      .value as Uint8Array
  await queryDatabase(store.location, 'update import_sessions set wrapping = $1 where key_id = $2', [
    await column('wrapping'),
    String(keys[0]!.keyid),
  ])
  const request = { padding_mode: 'EH_RSA_PKCS1_OAEP', key_material: PLAINTEXT }
  for (const { importToken } of keys) {
    answers.push(await call(url, app, 'ImportKeyMaterial', { ...request, keyid: keys[0]!.keyid, importToken }))
  }
  assert.deepEqual(answers, [FAILED, FAILED])
})
