import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { call, enroll, post, signedBody } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { macOf, offer, startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'

test('over HTTP: one millisecond takes many requests, with and without nonces, each once', async () => {
  await using server = await startTestServer()
  const { url } = server
  const app = await enroll(url)
  const repeated = { code: 400, message: "Timestamp can't be repeated in 20 minutes", result: {} }
  const timestamp = String(Date.now())
  for (const nonce of ['one', 'two', null]) {
    const body = signedBody(app, undefined, { timestamp, nonce })
    assert.equal((await post(url, 'ListKey', body)).code, 200)
    assert.deepEqual(await post(url, 'ListKey', body), repeated)
    assert.deepEqual(await post(url, 'DeleteALLKey', body), repeated, 'the action is not part of what was signed')
    const another = await call(url, app, 'DescribeKey', { keyid: 'x' }, { timestamp, nonce })
    assert.equal(another.message, 'Parameter invalid, The keyid length error.', 'another request, same stamp and nonce')
  }
  const neighbour = await enroll(url)
  assert.equal((await call(url, neighbour, 'ListKey', undefined, { timestamp, nonce: 'one' })).code, 200, "apps don't disturb each other")
})

test('a request whose signature is wrong does not burn its timestamp', async () => {
  await using server = await startTestServer()
  const { url } = server
  const app = await enroll(url)
  const options = { timestamp: String(Date.now()), nonce: null }
  const genuine = signedBody(app, undefined, options)
  const forged = signedBody({ ...app, apikey: 'x'.repeat(32) }, undefined, options)
  for (let i = 0; i < 3; i++) assert.equal((await post(url, 'ListKey', forged)).message, 'sign error')
  assert.equal((await post(url, 'ListKey', genuine)).code, 200)
})

eachDatabase("an app's first request waits for its fence; those below it touch nothing", async (store) => {
  const runtime = pinnedRuntime()
  const { storage, calls, hold } = watchStorage(await store.open())
  await using guard = await startGuard(storage, runtime)
  const now = runtime.now()
  const release = hold('raiseFences')
  calls.length = 0
  const first = guard.accept('app', now, macOf(now, 'n'))
  assert.ok(first instanceof Promise)
  const settled = first.then(() => 'settled')
  assert.equal(await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, 'waiting'))]), 'waiting')
  release()
  await first
  assert.deepEqual(calls, ['raiseFences'])

  calls.length = 0
  for (let i = 0; i < 500; i++) {
    assert.equal(guard.accept('app', now - i, macOf(now - i)), undefined)
    assert.equal(guard.accept('app', now + 2_000, macOf(now + 2_000, `nonce ${i}`)), undefined)
  }
  assert.deepEqual(calls, [])
  runtime.advance(1)
  await guard.accept('app', now + 2_001, macOf(now + 2_001))
  assert.deepEqual(calls, ['raiseFences'], 'beyond the fence')
})

test('many apps whose fences are due share one write', async () => {
  const runtime = pinnedRuntime()
  await using store = await testStore('sqlite')
  const { storage, calls } = watchStorage(await store.open())
  await using guard = await startGuard(storage, runtime)
  const now = runtime.now()
  const apps = Array.from({ length: 50 }, (_, i) => `app ${i}`)
  await Promise.all(apps.map((app) => guard.accept(app, now, macOf(now))))
  runtime.advance(1_500)
  for (const app of apps) await guard.accept(app, now + 1_500, macOf(now + 1_500))
  calls.length = 0
  await guard.tick()
  assert.deepEqual(
    calls.filter((name) => name === 'raiseFences'),
    ['raiseFences'],
  )
  // The fences were moved ahead in the background, so the next second's requests don't wait.
  calls.length = 0
  for (const app of apps) assert.equal(guard.accept(app, now + 3_000, macOf(now + 3_000)), undefined)
  assert.deepEqual(calls, [])
})

eachDatabase('while the store is away nothing beyond the fence is accepted; afterwards a newer stamp is', async (store) => {
  const runtime = pinnedRuntime()
  const { storage, failing } = watchStorage(await store.open())
  await using guard = await startGuard(storage, runtime)
  const now = runtime.now()
  assert.equal(await offer(guard, 'app', now), 'accepted')
  for (const name of ['raiseFences', 'insertReplayRecords', 'heartbeat'] as const) failing.add(name)
  assert.equal(await offer(guard, 'app', now + 1), 'accepted', 'memory and the durable fence suffice')
  assert.equal(await offer(guard, 'app', now + 5_000), 'storage_unavailable')
  assert.equal(await offer(guard, 'other', now), 'storage_unavailable')
  await guard.tick()
  failing.clear()
  assert.notEqual(await offer(guard, 'app', now + 5_000), 'accepted', 'its caller was told that it failed, and must sign anew')
  assert.equal(await offer(guard, 'app', now + 5_001), 'accepted')
  assert.equal(await offer(guard, 'other', now + 1), 'accepted')
})

eachDatabase('over HTTP: with the store away a request is answered with 500, and none is accepted', async (store) => {
  const server = await startTestServer(store.location)
  const app = await enroll(server.url)
  assert.equal((await call(server.url, app, 'ListKey')).code, 200)
  await server.server.context.storage[Symbol.asyncDispose]()
  const beyond = { timestamp: String(Date.now() + 60_000) }
  for (const action of ['ListKey', 'GetPublicKey', 'Enroll']) {
    const { code, message } = await call(server.url, app, action, { keyid: '01234567-89ab-4def-8123-456789abcdef' }, beyond)
    if (action === 'Enroll') assert.equal(code, 404)
    else {
      assert.equal(code, 500)
      // The trail may have noticed first, and then nothing is accepted that it could not record.
      assert.match(message, /^(?:database error|Server busy, please try again\.)$/)
    }
  }
  await assert.rejects(async () => server[Symbol.asyncDispose](), { code: 'unavailable' })
})
