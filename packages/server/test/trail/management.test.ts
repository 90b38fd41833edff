import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { pinnedRuntime } from '../support/runtime.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

const DAY_MS = 24 * 60 * 60 * 1000

eachDatabase('every change of keys and apps leaves its audit row, one for each key, and a change that fails leaves none', async (store) => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ ...store.location, runtime, flags: ['--keys-per-app', '3'] })
  const { url } = server
  const { storage, keys, apps } = server.server.context
  const app = await enroll(url)
  const stranger = await enroll(url)
  const options = (requestId: string) => ({ timestamp: String(runtime.now()), headers: { 'x-request-id': requestId } })
  const aes = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
  const create = async (payload: object, requestId: string) =>
    (await succeed(url, app, 'CreateKey', payload, options(requestId))).keyid as unknown as string
  let seen = (await listRecords(storage, { after: 0, limit: 1_000 })).findLastIndex(({ action }) => action === 'StartServer') + 1
  /** The rows since the last look: actor, action, object, request id. */
  const news = async () => {
    const rows = await listRecords(storage, { after: seen, limit: 1_000 })
    seen += rows.length
    assert.ok(
      rows.every(({ at, result }) => at === runtime.now() && result === 'ok'),
      JSON.stringify(rows),
    )
    return rows.map(({ actor, action, object, requestId }) => [actor, action, object, requestId])
  }
  const enrolled = await news()
  assert.deepEqual(
    enrolled.map(([actor, action, object]) => [actor, action, object]),
    [app, stranger].map(({ appid }) => ['enroll', 'Enroll', appid]),
  )

  const one = await create(aes, 'r1')
  const two = await create({ ...aes, origin: 'EH_EXTERNAL_KEY' }, 'r2')
  const three = await create(aes, 'r3')
  assert.deepEqual(
    await news(),
    [one, two, three].map((id, i) => [app.appid, 'CreateKey', id, `r${i + 1}`]),
  )

  const changes: [string, object, string][] = [
    ['DisableKey', { keyid: one }, 'DisableKey'],
    ['EnableKey', { keyid: one }, 'EnableKey'],
    ['UpdateKey', { keyid: one, alias: 'new' }, 'UpdateKey'],
    ['DeleteKey', { keyid: one }, 'DeleteKey'],
  ]
  for (const [action, payload, expected] of changes) {
    await succeed(url, app, action, payload, options('change'))
    assert.deepEqual(await news(), [[app.appid, expected, one, 'change']])
  }
  await succeed(url, app, 'GetParametersForImport', { keyid: two, keyspec: 'EH_RSA_2048' }, options('import'))
  assert.deepEqual(await news(), [[app.appid, 'GetParametersForImport', two, 'import']])
  await succeed(url, app, 'DeleteALLKey', undefined, options('all'))
  assert.deepEqual((await news()).sort(), [two, three].map((id) => [app.appid, 'DeleteAllKeys', id, 'all']).sort())
  await keys.restore(operatorCall('RestoreKey', 'restore'), three, null)
  await apps.update(operatorCall('UpdateApp', 'set'), app.appid, { acceptUpperCase: false })
  assert.deepEqual(await news(), [
    ['operator', 'RestoreKey', three, 'restore'],
    ['operator', 'UpdateApp', app.appid, 'set'],
  ])
  runtime.advance(7 * DAY_MS)
  await keys.destroyDue(100)
  assert.deepEqual((await news()).sort(), [one, two].map((id) => ['system', 'DestroyKey', id, '']).sort())

  // What takes no effect, or is refused, leaves nothing.
  for (const [action, payload] of changes) await call(url, stranger, action, { ...payload, keyid: three }, options('refused'))
  await succeed(url, app, 'DeleteKey', { keyid: one }, options('refused'))
  await call(url, app, 'CreateKey', { ...aes, keyusage: 'EH_KEYUSAGE_SIGN_VERIFY' }, options('refused'))
  await call(
    url,
    app,
    'ImportKeyMaterial',
    { keyid: three, padding_mode: 'EH_RSA_PKCS1', key_material: 'AAAA', importToken: 'x' },
    options('refused'),
  )
  await assert.rejects(keys.restore(operatorCall(), one, null))
  assert.equal(await apps.update(operatorCall(), 'nobody', { enabled: false }), false)
  assert.deepEqual(await news(), [])
  await create(aes, 'within')
  await create(aes, 'the')
  await news()
  assert.match((await call(url, app, 'CreateKey', aes, options('limit'))).message, /as many keys as it may have/)
  assert.deepEqual(await news(), [])
})
