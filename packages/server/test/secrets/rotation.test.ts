import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { keptSentence } from '../../src/ehsm/sentences.ts'
import { retryDelay } from '../../src/secrets/secret-rotation.ts'
import { createOutbound } from '../../src/outbound/post.ts'
import { enrollApp, keyRequest, openDomain, type Domain, versionsOf } from '../support/domain.ts'
import { pinnedRuntime, type PinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { isSigned, startWebhook, valueOfRotation, type WebhookServer } from '../support/webhook.ts'
import { appCall, asApp, enrollCall, operatorCall } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

const MINUTE_MS = 60 * 1000
const DAY_MS = 24 * 60 * MINUTE_MS
const HOUR_MS = 60 * MINUTE_MS

async function open(store: TestStore, runtime: PinnedRuntime, policy = {}): Promise<Domain> {
  return openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime, policy })
}

/** An app with a secret of three versions, and with a webhook where one is given. */
async function arrange(domain: Domain, webhook?: WebhookServer) {
  const app = await enrollApp(domain)
  const { manager, webhooks } = domain.secrets
  await manager.create(appCall(app, 'CreateSecret'), {
    name: 'secret',
    value: 'one',
    keyId: undefined,
    description: undefined,
    rotationInterval: undefined,
  })
  for (const value of ['two', 'three']) await manager.put(appCall(app, 'PutSecretValue'), 'secret', value)
  const signingKey = webhook && (await webhooks.set(appCall(app, 'SetRotationWebhook'), webhook.url))
  const find = async () => (await manager.find(asApp(app), 'secret'))!
  const value = async (version?: number) => (await manager.value(asApp(app), 'secret', version))?.value
  return { app, signingKey, find, value }
}

eachDatabase('at its time a secret gets a fresh data key; every version stays readable, and the next date is set', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { rotation } = domain.secrets
  const { find, value } = await arrange(domain)
  const before = await find()
  runtime.advance(30 * DAY_MS - 1)
  await rotation.run()
  assert.deepEqual(await find(), before, 'not before its time')
  runtime.advance(HOUR_MS)
  await rotation.run()
  const after = await find()
  assert.deepEqual([after.keyGeneration, after.currentVersion], [2, 3])
  assert.notDeepEqual(after.dataKey, before.dataKey)
  assert.deepEqual([after.lastRotationAt, after.nextRotationAt], [runtime.now(), runtime.now() + 30 * DAY_MS])
  assert.deepEqual([await value(1), await value(2), await value(3), await value()], ['one', 'two', 'three', 'three'])
  await rotation.run()
  assert.equal((await find()).keyGeneration, 2, 'once')
  await domain.secrets.manager.put(appCall(before.appId, 'PutSecretValue'), 'secret', 'four')
  assert.equal(await value(), 'four')
})

test('end to end: the webhook is asked, signed, and its value becomes the new version', async () => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using server = await startTestServer({ runtime })
  const app = await enroll(server.url)
  const ok = (action: string, payload?: object) => succeed(server.url, app, action, payload, { timestamp: String(runtime.now()) })
  const created = runtime.now()
  await ok('CreateSecret', { secretName: 'password', secretData: 'first', rotationInterval: '6h' })
  const { signingKey } = (await ok('SetRotationWebhook', { url: webhook.url })) as unknown as { signingKey: string }
  const described = async () => (await ok('DescribeSecret', { secretName: 'password' })) as unknown as Record<string, unknown>
  assert.deepEqual([(await described()).lastRotationDate, (await described()).nextRotationDate], ['', created + 6 * HOUR_MS])

  runtime.advance(6 * HOUR_MS)
  await server.server.context.secrets.rotation.run()
  assert.equal(webhook.asked.length, 1)
  const [asked] = webhook.asked
  const { rotationId, ...question } = asked!.question
  assert.deepEqual(question, { appid: app.appid, secretName: 'password', currentVersionId: 1, attempt: 1 })
  assert.match(rotationId, /^[0-9a-f-]{36}$/)
  assert.equal(asked!.path, '/rotate?for=us')
  assert.equal(asked!.headers['content-type'], 'application/json')
  assert.equal(asked!.headers['x-vouchsafe-timestamp'], String(runtime.now()))
  assert.ok(isSigned(asked!, signingKey))
  assert.ok(!asked!.body.includes('first'), 'it is told no value')

  const value = await ok('GetSecretValue', { secretName: 'password' })
  assert.deepEqual([value.secretData, value.versionId, value.createTime], [`value of ${rotationId}`, 2, runtime.now()])
  assert.equal((await ok('GetSecretValue', { secretName: 'password', versionId: 1 })).secretData, 'first')
  const { lastRotationDate, nextRotationDate, rotationFailure } = await described()
  assert.deepEqual([lastRotationDate, nextRotationDate, rotationFailure], [runtime.now(), runtime.now() + 6 * HOUR_MS, undefined])

  await ok('DeleteRotationWebhook')
  runtime.advance(6 * HOUR_MS)
  await server.server.context.secrets.rotation.run()
  assert.equal(webhook.asked.length, 1)
  assert.equal((await ok('GetSecretValue', { secretName: 'password' })).versionId, 2, 'without a webhook only the data key is renewed')
})

test('RotateSecret rotates soon, without waiting for the date', async () => {
  await using webhook = await startWebhook()
  await using server = await startTestServer()
  const app = await enroll(server.url)
  await succeed(server.url, app, 'CreateSecret', { secretName: 'now', secretData: 'first' })
  await succeed(server.url, app, 'SetRotationWebhook', { url: webhook.url })
  await succeed(server.url, app, 'RotateSecret', { secretName: 'now' })
  await eventually(async () => assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName: 'now' })).versionId, 2))
  assert.equal(webhook.asked.length, 1)
})

test('a failing webhook leaves the old value, is shown, and is asked again later with the same id', async () => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook((_, res) => void res.writeHead(503).end('unwell'))
  await using server = await startTestServer({ runtime })
  const { rotation } = server.server.context.secrets
  const app = await enroll(server.url)
  const ok = (action: string, payload?: object) => succeed(server.url, app, action, payload, { timestamp: String(runtime.now()) })
  await ok('CreateSecret', { secretName: 'secret', secretData: 'old' })
  await ok('SetRotationWebhook', { url: webhook.url })
  const due = runtime.now() + 30 * DAY_MS
  runtime.advance(30 * DAY_MS)
  await rotation.run()
  const failed = async () => (await ok('DescribeSecret', { secretName: 'secret' })) as unknown as Record<string, unknown>
  const failure = { at: runtime.now(), message: 'the webhook answered with HTTP status 503' }
  assert.deepEqual((await failed()).rotationFailure, failure)
  assert.deepEqual([(await failed()).lastRotationDate, (await failed()).nextRotationDate], ['', due])
  assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, 'old')

  runtime.advance(MINUTE_MS / 2 - 1)
  await rotation.run()
  assert.equal(webhook.asked.length, 1, 'never again within half a minute')
  runtime.advance(MINUTE_MS / 2 + 1)
  await rotation.run()
  assert.equal(webhook.asked.length, 2, 'again after a minute at most')
  runtime.advance(MINUTE_MS - 1)
  await rotation.run()
  assert.equal(webhook.asked.length, 2, 'twice as patient')
  webhook.answer = valueOfRotation
  runtime.advance(MINUTE_MS + 1)
  await rotation.run()
  assert.deepEqual(
    webhook.asked.map(({ question }) => question.attempt),
    [1, 2, 3],
  )
  const [rotationId, ...others] = new Set(webhook.asked.map(({ question }) => question.rotationId))
  assert.deepEqual(others, [])
  assert.equal((await ok('GetSecretValue', { secretName: 'secret' })).secretData, `value of ${rotationId}`)
  const { rotationFailure, nextRotationDate } = await failed()
  assert.deepEqual([rotationFailure, nextRotationDate], [undefined, runtime.now() + 30 * DAY_MS])
  assert.deepEqual([rotation.rotated, rotation.failed], [1, 2])
})

const LONG = 'x'.repeat(4097)
const UNUSABLE: [string, string | Buffer, string][] = [
  ['no JSON', 'secret!', "the webhook's answer is not JSON"],
  ['an empty body', '', "the webhook's answer is not JSON"],
  ...[
    '{}',
    'null',
    '[]',
    '"text"',
    '{"secretData":""}',
    '{"secretData":5}',
    `{"secretData":"${LONG}"}`,
    '{"__proto__":{"secretData":"x"}}',
  ].map((body): [string, string, string] => [body.slice(0, 40), body, "the webhook's answer has no secretData of 1 to 4096 characters"]),
  [
    'bytes that are no text',
    Buffer.from([...Buffer.from('{"secretData":"p'), 0xff, ...Buffer.from('w"}')]),
    "the webhook's answer is not JSON",
  ],
  ['too much', JSON.stringify({ secretData: 'x', more: 'y'.repeat(70_000) }), 'the webhook answered with more than 64 KiB'],
]

test("answers that can't be used", async (t) => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using domain = await open(store, runtime)
  const { app, find, value } = await arrange(domain, webhook)
  const attempt = async () => {
    await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
    await domain.secrets.rotation.run()
    return (await find()).rotationFailure
  }
  for (const [what, body, expected] of UNUSABLE) {
    await t.test(what, async () => {
      webhook.answer = (_, res) => void res.end(body)
      assert.equal(await attempt(), expected)
      assert.equal(await value(), 'three')
    })
  }
  await t.test('a redirect is not followed', async () => {
    await using elsewhere = await startWebhook()
    webhook.answer = (_, res) => void res.writeHead(307, { location: elsewhere.url }).end()
    assert.equal(await attempt(), 'the webhook answered with HTTP status 307')
    assert.equal(elsewhere.asked.length, 0)
  })
  await t.test('a connection that is cut', async () => {
    webhook.answer = (_, res) => void res.destroy()
    assert.equal(await attempt(), 'the webhook could not be reached')
  })
  await t.test('a good answer at last', async () => {
    webhook.answer = (_, res) => void res.end('{"secretData":"four"}')
    assert.equal(await attempt(), null)
    assert.equal(await value(), 'four')
  })
})

eachDatabase("a rotation whose key can't be used fails before the webhook is asked, and says why", async (store) => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using domain = await open(store, runtime)
  const { keys, secrets } = domain
  const { app } = await arrange(domain, webhook)
  const keyId = await keys.create(appCall(app, 'CreateKey'), keyRequest())
  await secrets.manager.create(appCall(app, 'CreateSecret'), {
    name: 'keyed',
    value: 'old',
    keyId,
    description: undefined,
    rotationInterval: undefined,
  })
  const failure = async () => {
    await secrets.rotation.request(appCall(app, 'RotateSecret'), 'keyed')
    await secrets.rotation.run()
    return (await secrets.manager.find(asApp(app), 'keyed'))?.rotationFailure
  }
  await keys.setEnabled(appCall(app), keyId, false)
  assert.equal(keptSentence((await failure())!), 'keyid is disabled')
  await keys.delete(appCall(app), keyId)
  assert.equal(keptSentence((await failure())!), 'Cannot find cmk by keyid.')
  assert.equal(webhook.asked.length, 0)
  await keys.restore(operatorCall(), keyId, app)
  await keys.setEnabled(appCall(app), keyId, true)
  assert.equal(await failure(), null)
  assert.equal(webhook.asked.length, 1)
})

eachDatabase('servers that rotate at once do each rotation once', async (store) => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using first = await open(store, runtime)
  await using second = await open(store, runtime)
  const apps = [await enrollApp(first), await enrollApp(first), await enrollApp(first)]
  for (const app of apps) {
    await first.secrets.webhooks.set(appCall(app, 'SetRotationWebhook'), webhook.url)
    for (let i = 0; i < 6; i++) {
      await first.secrets.manager.create(appCall(app, 'CreateSecret'), {
        name: `secret ${i}`,
        value: 'old',
        keyId: undefined,
        description: undefined,
        rotationInterval: undefined,
      })
    }
  }
  runtime.advance(30 * DAY_MS)
  await Promise.all([first, second, first, second].map(({ secrets }) => secrets.rotation.run()))
  for (const app of apps) {
    for (let i = 0; i < 6; i++) {
      const value = await second.secrets.manager.value(asApp(app), `secret ${i}`, undefined)
      assert.equal(value?.version, 2)
      assert.equal((await second.secrets.manager.find(asApp(app), `secret ${i}`))?.keyGeneration, 2)
    }
  }
  assert.equal(webhook.asked.length, 18)
  assert.equal(new Set(webhook.asked.map(({ question }) => question.rotationId)).size, 18)
  const audit = await listRecords(first.storage, { after: 0, limit: 1_000 })
  assert.equal(audit.filter(({ action, actor }) => action === 'RotateSecret' && actor === 'system').length, 18)
})

eachDatabase(
  'what a crash cut short is taken up by another server when the lease has ended, with the same id and one new version',
  async (store) => {
    const runtime = pinnedRuntime()
    await using webhook = await startWebhook()
    await using second = await open(store, runtime)
    const { app, find, value } = await arrange(second, webhook)
    const watched = watchStorage(await store.open())
    await using crashing = await openDomain({ storage: watched.storage, dataDir: store.location.dataDir, runtime })
    watched.failing.add('completeSecretRotation')
    runtime.advance(30 * DAY_MS)
    await crashing.secrets.rotation.run()
    assert.equal(webhook.asked.length, 1)
    assert.equal(await value(), 'three')

    await second.secrets.rotation.run()
    runtime.advance(2 * MINUTE_MS - 1)
    await second.secrets.rotation.run()
    assert.equal(webhook.asked.length, 1, 'the lease still runs')
    runtime.advance(1)
    await second.secrets.rotation.run()
    assert.equal(webhook.asked.length, 2)
    assert.equal(webhook.asked[0]!.question.rotationId, webhook.asked[1]!.question.rotationId)
    assert.equal(await value(), `value of ${webhook.asked[0]!.question.rotationId}`)
    assert.equal((await find()).currentVersion, 4)
    assert.equal(await value(3), 'three')
    void app
  },
)

eachDatabase('a lease made under a clock that was ahead by a year holds nobody up', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { app, find } = await arrange(domain)
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
  const ahead = runtime.now() + 365 * DAY_MS
  await domain.storage.claimSecretRotation({ now: ahead, leaseUntil: ahead + 2 * MINUTE_MS, rotationId: 'ahead', exceptApps: [] })
  await domain.secrets.rotation.run()
  assert.equal((await find()).keyGeneration, 2)
})

eachDatabase('a secret that is scheduled for deletion is not rotated, and catches up when it is restored', async (store) => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using domain = await open(store, runtime)
  const { deletion, rotation } = domain.secrets
  const { app, find } = await arrange(domain, webhook)
  await deletion.schedule(appCall(app, 'DeleteSecret'), 'secret', 365)
  runtime.advance(60 * DAY_MS)
  await rotation.run()
  assert.equal(webhook.asked.length, 0)
  await deletion.restore(appCall(app, 'RestoreSecret'), 'secret')
  await rotation.run()
  assert.equal((await find()).currentVersion, 4)
})

eachDatabase("a disabled app's secrets are not rotated, nor its webhook called, until it is enabled again", async (store) => {
  const runtime = pinnedRuntime()
  await using webhook = await startWebhook()
  await using domain = await open(store, runtime)
  const { app, find } = await arrange(domain, webhook)
  await domain.apps.update(operatorCall(), app, { enabled: false })
  runtime.advance(30 * DAY_MS)
  await domain.secrets.rotation.run()
  assert.equal(webhook.asked.length, 0)
  await domain.apps.update(operatorCall(), app, { enabled: true })
  await domain.secrets.rotation.run()
  assert.equal((await find()).currentVersion, 4)
})

test('a secret that is destroyed while its webhook thinks stays destroyed', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  const asked = Promise.withResolvers<() => void>()
  await using webhook = await startWebhook((question, res) => asked.resolve(() => valueOfRotation(question, res)))
  await using domain = await open(store, runtime)
  const { app } = await arrange(domain, webhook)
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
  const round = domain.secrets.rotation.run()
  const answer = await asked.promise
  await domain.secrets.deletion.destroy(appCall(app, 'DeleteSecret'), 'secret')
  answer()
  await round
  assert.equal(await domain.secrets.manager.find(asApp(app), 'secret'), null)
  assert.deepEqual([domain.secrets.rotation.rotated, domain.secrets.rotation.failed], [0, 0])
})

test('a value that is put while the webhook thinks is kept, before the new one', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  const asked = Promise.withResolvers<() => void>()
  await using webhook = await startWebhook((question, res) => asked.resolve(() => valueOfRotation(question, res)))
  await using domain = await open(store, runtime)
  const { app, value } = await arrange(domain, webhook)
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
  const round = domain.secrets.rotation.run()
  const answer = await asked.promise
  await domain.secrets.manager.put(appCall(app, 'PutSecretValue'), 'secret', 'four')
  answer()
  await round
  assert.deepEqual([await value(4), await value(5)], ['four', `value of ${webhook.asked[0]!.question.rotationId}`])
  assert.equal(webhook.asked.length, 1)
})

test("an app's silent webhook holds up its own secrets alone", async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  const silent = Promise.withResolvers<void>()
  await using webhook = await startWebhook(() => silent.resolve())
  await using domain = await open(store, runtime)
  const { app } = await arrange(domain, webhook)
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await domain.secrets.manager.create(appCall(app, 'CreateSecret'), {
      name,
      value: 'x',
      keyId: undefined,
      description: undefined,
      rotationInterval: undefined,
    })
  }
  const other = await arrange(domain)
  runtime.advance(30 * DAY_MS)
  domain.secrets.rotation.wake()
  await silent.promise
  await eventually(async () => assert.equal((await other.find()).keyGeneration, 2))
  assert.equal(webhook.asked.length, 1)
})

test('stopping a server does not wait for a webhook', async () => {
  const runtime = pinnedRuntime()
  const silent = Promise.withResolvers<void>()
  await using webhook = await startWebhook(() => silent.resolve())
  const server = await startTestServer({ runtime })
  const app = await enroll(server.url)
  const at = { timestamp: String(runtime.now()) }
  await succeed(server.url, app, 'CreateSecret', { secretName: 'secret', secretData: 'x' }, at)
  await succeed(server.url, app, 'SetRotationWebhook', { url: webhook.url }, at)
  await succeed(server.url, app, 'RotateSecret', { secretName: 'secret' }, at)
  await silent.promise
  const started = performance.now()
  await server[Symbol.asyncDispose]()
  assert.ok(performance.now() - started < 5_000, 'the webhook would be waited for for ten seconds')
})

test('a webhook that does not answer in time', async () => {
  await using store = await testStore('sqlite')
  await using webhook = await startWebhook(() => {})
  const outbound = createOutbound({ networks: 'loopback', patience: 50 })
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, outbound })
  const { app, find } = await arrange(domain, webhook)
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
  await domain.secrets.rotation.run()
  assert.equal((await find()).rotationFailure, 'the webhook gave no answer within 0.05 seconds')
})

test('a rotation of thousands of versions keeps them all', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime, { secretVersionsKept: 1_000 })
  const { app, value } = await arrange(domain)
  for (let i = 4; i <= 1_200; i++) await domain.secrets.manager.put(appCall(app, 'PutSecretValue'), 'secret', `value ${i}`)
  await domain.secrets.rotation.request(appCall(app, 'RotateSecret'), 'secret')
  await domain.secrets.rotation.run()
  assert.equal((await versionsOf(domain, app, 'secret')).length, 1_000)
  for (const version of [201, 202, 640, 1_199, 1_200]) assert.equal(await value(version), `value ${version}`)
  assert.equal(await value(200), undefined)
})

test('retries wait twice as long each time, six hours at most, and not all alike', () => {
  assert.deepEqual([retryDelay(1, 0), retryDelay(1, 1)], [MINUTE_MS / 2, MINUTE_MS])
  assert.deepEqual([retryDelay(2, 1), retryDelay(5, 1), retryDelay(9, 1)], [2 * MINUTE_MS, 16 * MINUTE_MS, 256 * MINUTE_MS])
  for (const attempts of [10, 50, 10_000]) assert.equal(retryDelay(attempts, 1), 6 * HOUR_MS)
})

test('where webhooks may be follows the option', async () => {
  const refused = 'Parameter invalid, The url names an address that this server may not call (webhook-networks).'
  for (const [flags, http, privateNetwork] of [
    [['--webhook-networks', 'loopback'], true, true],
    [['--webhook-networks', 'private'], false, true],
    [['--webhook-networks', 'public'], false, false],
  ] as const) {
    await using server = await startTestServer({ flags: [...flags] })
    const url = server.url.replace('0.0.0.0', '127.0.0.1')
    const app = await server.server.context.apps.enroll(enrollCall(), { limit: 10, acceptUpperCase: true })
    const set = async (target: string) => (await call(url, app, 'SetRotationWebhook', { url: target })).message
    assert.equal(await set('http://127.0.0.1:1/'), http ? 'success!' : refused)
    assert.equal(await set('https://10.1.2.3/'), privateNetwork ? 'success!' : refused)
    assert.equal(await set('https://[::ffff:127.0.0.1]/'), refused)
    assert.equal(await set('https://hooks.example.com/rotate'), 'success!')
  }
})
