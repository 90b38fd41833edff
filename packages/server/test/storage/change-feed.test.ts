// Cached state follows the store: at once where a change was acknowledged, within a second in other servers, and not at all on trust.
import assert from 'node:assert/strict'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { test } from 'node:test'
import { appCall, asApp, operatorCall } from '@vouchsafe/testkit/callers'

const TEXT = Buffer.from('text')
const PLAINTEXT = TEXT.toString('base64')
/** A second, and some for a machine that is busy with other tests. */
const SOON_MS = 3_000

eachDatabase('what one server changes, another one sees soon, and itself at once', async (store) => {
  await using one = await startTestServer(store.location)
  await using two = await startTestServer(store.location)
  const app = await enroll(one.url)
  const create = async () => (await succeed(one.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })).keyid
  const encrypt = async (url: string, keyid: unknown) => (await call(url, app, 'Encrypt', { keyid, plaintext: PLAINTEXT })).message
  const sees = (message: string, keyid: unknown) => eventually(async () => assert.equal(await encrypt(two.url, keyid), message), SOON_MS)

  const keys = [await create(), await create()]
  // Both servers hold app and keys in memory.
  for (const { url } of [one, two]) for (const keyid of keys) assert.equal(await encrypt(url, keyid), 'success!')

  const changes: [string, string][] = [
    ['DisableKey', 'keyid is disabled'],
    ['EnableKey', 'success!'],
    ['DeleteKey', 'keyid error'],
  ]
  for (const [action, message] of changes) {
    await succeed(one.url, app, action, { keyid: keys[0] })
    assert.equal(await encrypt(one.url, keys[0]), message)
    await sees(message, keys[0])
  }
  const settings: [object, string][] = [
    [{ enabled: false }, 'app is disabled'],
    [{ enabled: true, strictSignature: true }, 'sign error, this app requires the X-Vouchsafe-Signature header.'],
    [{ strictSignature: false }, 'success!'],
  ]
  for (const [set, message] of settings) {
    await one.server.context.apps.update(operatorCall(), app.appid, set)
    assert.equal(await encrypt(one.url, keys[1]), message)
    await sees(message, keys[1])
  }
})

eachDatabase('when the feed is down for five seconds, caches are bypassed until it is back', async (store) => {
  const runtime = pinnedRuntime()
  const { storage, failing, calls } = watchStorage(await store.open())
  await using domain = await openDomain({ storage, dataDir: store.location.dataDir, runtime })
  await using other = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const { cryptography, feed, apps } = domain
  const app = await enrollApp(domain)
  const key = await domain.keys.create(appCall(app, 'CreateKey'), keyRequest())
  const encrypt = async () => cryptography.encrypt(asApp(app), key, TEXT, undefined)
  const reads = async (work: () => Promise<unknown>) => {
    calls.length = 0
    await work()
    return calls.filter((name) => name === 'findKey').length
  }
  await encrypt()
  await apps.load(app)
  assert.equal(await reads(encrypt), 0, 'from memory')

  failing.add('readChanges')
  runtime.advance(4_999)
  await feed.poll()
  assert.equal(feed.fresh, true)
  assert.ok(apps.cached(app))
  runtime.advance(1)
  await feed.poll()
  assert.equal(feed.fresh, false)
  assert.equal(apps.cached(app), undefined)
  assert.equal(await reads(encrypt), 1, 'from the store')
  assert.equal(await reads(encrypt), 1, 'from the store each time')
  await other.keys.setEnabled(appCall(app), key, false)
  await assert.rejects(encrypt, refusal('key_disabled'))

  failing.clear()
  await feed.poll()
  assert.equal(feed.fresh, true)
  await assert.rejects(encrypt, refusal('key_disabled'))
  await other.keys.setEnabled(appCall(app), key, true)
  await feed.poll()
  await encrypt()
  assert.equal(await reads(encrypt), 0)
})

test('what was missed while the feed was down is not served from memory when it is back', async () => {
  const runtime = pinnedRuntime()
  await using store = await testStore('sqlite')
  const { storage, failing } = watchStorage(await store.open())
  await using domain = await openDomain({ storage, dataDir: store.location.dataDir, runtime })
  await using other = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const app = await enrollApp(domain)
  const key = await domain.keys.create(appCall(app, 'CreateKey'), keyRequest())
  await domain.cryptography.encrypt(asApp(app), key, TEXT, undefined)
  await domain.apps.load(app)
  failing.add('readChanges')
  await other.keys.setEnabled(appCall(app), key, false)
  await other.apps.update(operatorCall(), app, { enabled: false })
  // So long that the rows which tell of the changes are gone.
  runtime.advance(2 * 60 * 60 * 1_000)
  await other.storage.pruneChanges({ before: runtime.now() })
  failing.clear()
  await domain.feed.poll()
  assert.equal(domain.feed.fresh, true)
  await assert.rejects(async () => domain.cryptography.encrypt(asApp(app), key, TEXT, undefined), refusal('key_disabled'))
  assert.notEqual(domain.apps.cached(app)?.enabled, true)
})

eachDatabase('a read that a change overtakes leaves nothing stale in memory', async (store) => {
  const { storage, hold } = watchStorage(await store.open())
  await using domain = await openDomain({ storage, dataDir: store.location.dataDir })
  const { apps, keys, cryptography } = domain
  const app = await enrollApp(domain)
  const key = await keys.create(appCall(app, 'CreateKey'), keyRequest())

  const releaseApp = hold('findApp')
  const loading = apps.load(app)
  await apps.update(operatorCall(), app, { strictSignature: true })
  releaseApp()
  await loading
  assert.notEqual(apps.cached(app)?.strictSignature, false)
  assert.equal((await apps.load(app))?.strictSignature, true)

  const releaseKey = hold('findKey')
  // On PostgreSQL the read may also come after the change, and see it.
  const encrypting = cryptography.encrypt(asApp(app), key, TEXT, undefined).catch(() => undefined)
  // As a management call does it once the key is admitted; that would wait for the same read.
  await storage.setKeyEnabled({ appId: app, id: key, enabled: false, at: Date.now(), audit: null })
  domain.keyCache.forget(key)
  releaseKey()
  await encrypting
  await assert.rejects(cryptography.encrypt(asApp(app), key, TEXT, undefined), refusal('key_disabled'))
})
