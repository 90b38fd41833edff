import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { Housekeeping } from '../../src/process/housekeeping.ts'
import { enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

const DAY_MS = 24 * 60 * 60 * 1000
const TEXT = Buffer.from('text')

eachDatabase('a key is refused the millisecond after its expiry, and works again when that is moved ahead', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const { keys, cryptography } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app), keyRequest({ expiresAt: runtime.now() + 1_000 }))
  runtime.advance(1_000)
  const ciphertext = await cryptography.encrypt(asApp(app), key, TEXT, undefined)
  runtime.advance(1)
  await assert.rejects(cryptography.encrypt(asApp(app), key, TEXT, undefined), refusal('key_expired'))
  await assert.rejects(cryptography.decrypt(asApp(app), key, ciphertext, undefined), refusal('key_expired'))
  assert.equal((await keys.describe(asApp(app), key)).state, 'expired')

  await keys.update(appCall(app), key, { expiresAt: runtime.now() + 1_000 })
  assert.deepEqual(await cryptography.decrypt(asApp(app), key, ciphertext, undefined), TEXT)
  assert.equal((await keys.describe(asApp(app), key)).state, 'enabled')
  await keys.update(appCall(app), key, { expiresAt: runtime.now() + 5 })
  runtime.advance(6)
  await assert.rejects(cryptography.decrypt(asApp(app), key, ciphertext, undefined), refusal('key_expired'))
})

eachDatabase('expiry never destroys: years later the key is listed, and opens what it closed', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const { keys, cryptography, storage, keyCache, secrets, attestation, log } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app), keyRequest())
  const ciphertext = await cryptography.encrypt(asApp(app), key, TEXT, undefined)
  runtime.advance(20 * 365 * DAY_MS)
  await using housekeeping = new Housekeeping({ storage, keyCache, keys, secrets, attestation, runtime, log })
  await housekeeping.run()
  assert.deepEqual(housekeeping.statistics, { total: 1, disabled: 0, pendingDeletion: 0, expired: 1, expiringSoon: 0 })
  assert.deepEqual(
    (await storage.listKeys({ appId: app, after: null, limit: 10 })).map(({ id }) => id),
    [key],
  )
  await keys.update(appCall(app), key, { expiresAt: runtime.now() + DAY_MS })
  assert.deepEqual(await cryptography.decrypt(asApp(app), key, ciphertext, undefined), TEXT)
})

test('a disabled key stays disabled when its expiry is extended, and an expired key can be enabled, disabled and deleted', async () => {
  const runtime = pinnedRuntime()
  await using store = await testStore('sqlite')
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const { keys } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app), keyRequest({ expiresAt: runtime.now() + 1 }))
  runtime.advance(2)
  await keys.setEnabled(appCall(app), key, false)
  assert.equal((await keys.describe(asApp(app), key)).state, 'disabled')
  await keys.update(appCall(app), key, { expiresAt: runtime.now() + DAY_MS })
  assert.equal((await keys.describe(asApp(app), key)).state, 'disabled')
  await keys.setEnabled(appCall(app), key, true)
  assert.equal((await keys.describe(asApp(app), key)).state, 'enabled')
  runtime.advance(2 * DAY_MS)
  assert.deepEqual(await keys.delete(appCall(app), key), [key])
})

test("alias and expireTime: what may be given, and what is taken when they aren't", async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime, flags: ['--key-life-days', '90'] })
  const { url } = server
  const app = await enroll(url)
  const at = { timestamp: String(runtime.now()) }
  const aes = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
  const describe = async (keyid: unknown) => {
    const { alias, expireTime, creationDate } = await succeed(url, app, 'DescribeKey', { keyid }, at)
    return { alias, expireTime, creationDate }
  }
  const { keyid } = await succeed(url, app, 'CreateKey', aes, at)
  const now = runtime.now()
  assert.deepEqual(await describe(keyid), { alias: '', expireTime: now + 90 * DAY_MS, creationDate: now })
  const named = await succeed(url, app, 'CreateKey', { ...aes, alias: 'å'.repeat(256), expireTime: now + 1 }, at)
  assert.deepEqual(await describe(named.keyid), { alias: 'å'.repeat(256), expireTime: now + 1, creationDate: now })

  const changed = await succeed(url, app, 'UpdateKey', { keyid, alias: 'new', expireTime: now + 7 }, at)
  assert.deepEqual({ alias: changed.alias, expireTime: changed.expireTime }, { alias: 'new', expireTime: now + 7 })
  assert.deepEqual(await describe(keyid), { alias: 'new', expireTime: now + 7, creationDate: now })
  const { list } = (await succeed(url, app, 'ListKey', undefined, at)) as unknown as { list: { keyid: string; alias: string }[] }
  assert.equal(list.find((key) => key.keyid === String(keyid))?.alias, 'new')

  const refused: [string, object, RegExp][] = [
    ['CreateKey', { ...aes, alias: 'a'.repeat(257) }, /The alias length error/],
    ['CreateKey', { ...aes, expireTime: now }, /The expireTime value must be greater than or equal to/],
    ['CreateKey', { ...aes, expireTime: 253_402_300_800_000 }, /The expireTime value must be less than or equal to/],
    ['CreateKey', { ...aes, expireTime: '1' }, /The expireTime must be of integer type/],
    ['UpdateKey', { keyid }, /The alias and expireTime cannot both be empty/],
    ['UpdateKey', { keyid, expireTime: now - 1 }, /The expireTime value must be greater than or equal to/],
    ['UpdateKey', { keyid, alias: 'a'.repeat(257) }, /The alias length error/],
  ]
  for (const [action, payload, message] of refused) {
    const answer = await call(url, app, action, payload, at)
    assert.equal(answer.code, 400, action)
    assert.match(answer.message, message)
  }
  assert.deepEqual(await describe(keyid), { alias: 'new', expireTime: now + 7, creationDate: now })
})
