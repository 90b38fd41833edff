import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

const TEXT = Buffer.from('text')

eachDatabase('encryptions are counted in one write, and none is lost when the store is away', async (store) => {
  const { storage, calls, failing } = watchStorage(await store.open())
  await using domain = await openDomain({ storage, dataDir: store.location.dataDir })
  const { keys, cryptography, keyCache } = domain
  const app = await enrollApp(domain)
  const aes = await keys.create(appCall(app), keyRequest())
  const sm2 = await keys.create(appCall(app), keyRequest({ spec: 'EH_SM2' }))
  const stored = async (id: string) => (await storage.findKey({ id }))?.encryptions
  const described = async (id: string) => (await keys.describe(asApp(app), id)).encryptions

  for (let i = 0; i < 3; i++) await cryptography.encrypt(asApp(app), aes, TEXT, undefined)
  await cryptography.generateDataKey(asApp(app), aes, 16, undefined)
  await cryptography.decrypt(asApp(app), aes, await cryptography.encrypt(asApp(app), aes, TEXT, undefined), undefined)
  await cryptography.asymmetricEncrypt(asApp(app), sm2, TEXT, undefined)
  assert.deepEqual([await stored(aes), await described(aes), await described(sm2)], [0, 5, 1])

  failing.add('addEncryptions')
  await assert.rejects(keyCache.flushCounts())
  await cryptography.encrypt(asApp(app), aes, TEXT, undefined)
  assert.deepEqual([await stored(aes), await described(aes)], [0, 6])
  failing.clear()
  calls.length = 0
  await keyCache.flushCounts()
  await keyCache.flushCounts()
  assert.deepEqual(calls, ['addEncryptions'])
  assert.deepEqual([await stored(aes), await stored(sm2), await described(aes)], [6, 1, 6])
})

eachDatabase('the counts are there after a restart', async (store) => {
  let server = await startTestServer(store.location)
  const app = await enroll(server.url)
  const { keyid } = await succeed(server.url, app, 'CreateKey', { keyspec: 'EH_SM4_CTR', origin: 'EH_INTERNAL_KEY' })
  for (let i = 0; i < 7; i++) await succeed(server.url, app, 'Encrypt', { keyid, plaintext: TEXT.toString('base64') })
  await server[Symbol.asyncDispose]()
  server = await startTestServer(store.location)
  assert.equal((await succeed(server.url, app, 'DescribeKey', { keyid })).encryptions, 7)
  await server[Symbol.asyncDispose]()
})
