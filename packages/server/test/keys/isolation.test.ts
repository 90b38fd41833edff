import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'

const BYTES = Buffer.from('sixteen bytes!!!').toString('base64')
const NOBODY = '01234567-89ab-4def-8123-456789abcdef'

/** Valid values of every field, so that nothing but the key can be the reason. */
const VALUES = {
  plaintext: BYTES,
  ciphertext: BYTES,
  message: BYTES,
  signature: BYTES,
  keylen: 16,
  olddatakey: BYTES,
  keyspec: 'EH_RSA_2048',
  padding_mode: 'EH_RSA_PKCS1_OAEP',
  key_material: BYTES,
  importToken: 'none',
  alias: 'taken',
}

const KEY_ACTIONS = OPERATIONS.filter(({ fields }) => 'keyid' in fields).map(({ name }) => name)

eachDatabase("another app's key and the hidden default key are as missing for every action", async (store, t) => {
  await using server = await startTestServer(store.location)
  const { url } = server
  const { storage } = server.server.context
  const owner = await enroll(url)
  const stranger = await enroll(url)
  const key = (await succeed(url, owner, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })).keyid as unknown as string
  const own = (await succeed(url, stranger, 'CreateKey', { keyspec: 'EH_SM2', origin: 'EH_INTERNAL_KEY' })).keyid as unknown as string
  const wrapping = (await succeed(url, stranger, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }))
    .keyid as unknown as string
  const { ciphertext } = await succeed(url, owner, 'Encrypt', { keyid: key, plaintext: BYTES })
  const dataKey = (await succeed(url, stranger, 'GenerateDataKey', { keyid: wrapping, keylen: 16 })).ciphertext as unknown as string
  const defaultKeys = await hiddenKeys(server.dataDir, store.location.databaseUrl)
  const before = await storage.findKey({ id: key })

  const attempts: [string, Credentials, string][] = [["another app's key", stranger, key]]
  for (const { id, appId } of defaultKeys) {
    const which = appId === stranger.appid ? "the app's own default key" : "another app's default key"
    attempts.push([which, stranger, id])
  }
  assert.equal(attempts.length, 3)
  for (const action of KEY_ACTIONS) {
    const missing = await call(url, stranger, action, { ...VALUES, keyid: NOBODY, ukeyid: own })
    for (const [which, app, keyid] of attempts) {
      await t.test(`${action} of ${which}`, async () => {
        assert.deepEqual(await call(url, app, action, { ...VALUES, keyid, ukeyid: own }), missing)
      })
    }
  }
  await t.test('ExportDataKey to a key of another app', async () => {
    const payload = { keyid: wrapping, olddatakey: dataKey }
    const missing = await call(url, stranger, 'ExportDataKey', { ...payload, ukeyid: NOBODY })
    assert.equal(missing.message, 'keyid error')
    for (const [, , ukeyid] of attempts) assert.deepEqual(await call(url, stranger, 'ExportDataKey', { ...payload, ukeyid }), missing)
  })
  await t.test('ListKey shows neither', async () => {
    const { list } = (await succeed(url, stranger, 'ListKey')) as unknown as { list: { keyid: string }[] }
    assert.deepEqual(list.map(({ keyid }) => keyid).sort(), [own, wrapping].sort())
  })
  await t.test('DeleteALLKey deletes neither, and nothing above has changed them', async () => {
    await succeed(url, stranger, 'DeleteALLKey')
    assert.deepEqual((await succeed(url, stranger, 'ListKey')).list, [])
    for (const { id } of defaultKeys) assert.equal((await storage.findKey({ id }))?.deletedAt, null)
    const after = await storage.findKey({ id: key })
    assert.deepEqual({ ...after, encryptions: 0 }, { ...before, encryptions: 0 })
    assert.equal((await succeed(url, owner, 'Decrypt', { keyid: key, ciphertext })).plaintext, BYTES)
  })
})

/** The default keys: no operation of the port lists them, so the database is asked. */
async function hiddenKeys(dataDir: string, databaseUrl: string | undefined): Promise<{ id: string; appId: string }[]> {
  const query = 'select id, app_id from keys where is_default = 1'
  const rows = await queryDatabase({ dataDir, databaseUrl }, query)
  return rows.map((row) => ({ id: String(row.id), appId: String(row.app_id) }))
}
