// Registration: contract §14, decisions "Who may do what".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { handleOperatorRequest } from '../../src/operator/edge.ts'
import { userCredentialRow } from '../support/authority-rows.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

interface Account {
  'User-Id': string
  'API-Key': string
}

const HOUR_MS = 60 * 60 * 1000

eachDatabase('a new user gets an id and an API key that owns it, by POST and by GET', async (store) => {
  await using server = await startTestServer(store.location)
  await giveSigningKeys(server.server.context.signingKeys)
  const accounts: Account[] = []
  for (const method of ['POST', 'GET']) {
    const { status, body } = await ask(server.url, method, 'register')
    assert.equal(status, 200)
    const account = body as unknown as Account
    assert.match(account['User-Id'], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.match(account['API-Key'], /^[0-9A-Za-z]{32}$/)
    const credentials = { apiKey: account['API-Key'], user: account['User-Id'] }
    assert.equal((await ask(server.url, 'POST', 'challenge', { ...credentials, body: CHALLENGE })).status, 200)
    accounts.push(account)
  }
  assert.notEqual(accounts[0]!['API-Key'], accounts[1]!['API-Key'])
  const audit = await queryDatabase(
    store.location,
    `select actor, object, detail from trail_entries where action = 'RegisterUser' order by position`,
  )
  assert.deepEqual(
    audit.map(({ actor, object }) => [actor, object]),
    accounts.map((account) => ['enroll', account['User-Id']]),
  )
  const everything = JSON.stringify(await queryDatabase(store.location, 'select * from user_credentials')) + JSON.stringify(audit)
  for (const account of accounts) assert.ok(!everything.includes(account['API-Key']), 'no key is stored')
})

eachDatabase('an API key is replaced by a new one like it, and works for another hour', async (store) => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ ...store.location, runtime })
  await giveSigningKeys(server.server.context.signingKeys)
  const statusOf = async (apiKey: string) => (await ask(server.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status
  const old = await makeApiKey(server, 'one', 'attester', 'node')
  const { status, body } = await ask(server.url, 'POST', 'register', { user: 'one', apiKey: old })
  assert.equal(status, 200)
  const next = (body as unknown as Account)['API-Key']
  assert.equal((body as unknown as Account)['User-Id'], 'one')
  assert.deepEqual([await statusOf(old), await statusOf(next)], [200, 200])
  const identity = (await server.server.context.users.byApiKey(next))!
  assert.deepEqual([identity.role, identity.nodeId], ['attester', 'node'], 'it allows no more than the old one')
  runtime.advance(HOUR_MS / 2)
  const third = ((await ask(server.url, 'POST', 'register', { apiKey: old })).body as unknown as Account)['API-Key']
  runtime.advance(HOUR_MS / 2)
  assert.deepEqual(
    [await statusOf(old), await statusOf(next), await statusOf(third)],
    [401, 200, 200],
    'replacing it again gives it no more time',
  )
})

eachDatabase('a key that an operator lets end is not made to last by replacing it', async (store) => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ ...store.location, runtime })
  await giveSigningKeys(server.server.context.signingKeys)
  const statusOf = async (apiKey: string) => (await ask(server.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status
  const replace = async (apiKey: string) => ((await ask(server.url, 'POST', 'register', { apiKey })).body as unknown as Account)['API-Key']
  const request = { user: 'one', role: 'attester', expiresAt: runtime.now() + 3 * HOUR_MS } as const
  const { apiKey } = await server.server.context.users.createApiKey(operatorCall(), request)
  const second = await replace(apiKey)
  const third = await replace(second)
  const other = await replace(apiKey)
  runtime.advance(2 * HOUR_MS)
  assert.deepEqual(await Promise.all([apiKey, second, third, other].map(statusOf)), [401, 401, 200, 200], 'the replaced ones had an hour')
  const late = await replace(third)
  runtime.advance(HOUR_MS)
  assert.deepEqual(await Promise.all([third, other, late].map(statusOf)), [401, 401, 401])
})

eachDatabase('who revokes an API key ends all keys that were made from it, on every server, and no others', async (store) => {
  const runtime = pinnedRuntime()
  const options = { dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl, runtime }
  await using server = await startTestServer(options)
  await giveSigningKeys(server.server.context.signingKeys)
  await using other = await startTestServer(options)
  const statusOf = async (apiKey: string) => (await ask(other.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status
  const replace = async (apiKey: string) => {
    const { status, body } = await ask(server.url, 'POST', 'register', { apiKey })
    return { status, key: (body as unknown as Account)['API-Key'] }
  }
  const { users, storage } = server.server.context
  const made = await users.createApiKey(operatorCall(), { user: 'one', role: 'attester' })
  const neighbour = await makeApiKey(server, 'one', 'owner')
  const stolen = (await replace(made.apiKey)).key
  const again = (await replace(stolen)).key
  const fork = (await replace(made.apiKey)).key
  assert.deepEqual(await Promise.all([made.apiKey, stolen, again, fork, neighbour].map(statusOf)), [200, 200, 200, 200, 200])

  const revoke = (id: string) =>
    handleOperatorRequest({ method: 'POST', path: '/v1/users/keys/revoke', body: { id } }, server.server.context)
  const stolenId = (await users.byApiKey(stolen))!.credential.id
  const { body } = await revoke(stolenId)
  assert.equal((body as { revoked: string[] }).revoked.length, 2)
  await other.server.context.feed.poll()
  assert.deepEqual(await Promise.all([made.apiKey, stolen, again, fork, neighbour].map(statusOf)), [200, 401, 401, 200, 200])
  assert.equal((await replace(again)).status, 401)

  // Long after the first key ended and its row went, what was made from it is still known by its id.
  runtime.advance(HOUR_MS)
  await storage.deleteExpiredUserCredentials({ now: runtime.now() })
  assert.equal((await revoke(made.credential.id)).status, 200)
  await other.server.context.feed.poll()
  assert.deepEqual(await Promise.all([fork, neighbour].map(statusOf)), [401, 200])
  assert.equal((await revoke(made.credential.id)).status, 400)
  const audit = await queryDatabase(store.location, `select object from trail_entries where action = 'RevokeCredential'`)
  assert.equal(new Set(audit.map(({ object }) => object)).size, 3)
})

eachDatabase('a key that is being replaced while it is revoked leaves none behind', async (store) => {
  const storages = [await store.open(), await store.open()] as const
  const rounds = 12
  for (let i = 0; i < rounds; i++) {
    const parent = userCredentialRow({ id: `parent ${i}`, fingerprint: Buffer.from(`parent ${i}`) })
    const child = userCredentialRow({ id: `child ${i}`, fingerprint: Buffer.from(`child ${i}`), madeFrom: parent.id })
    await storages[0].insertUserCredential({ credential: parent, limit: 100, replaces: null, audit: null })
    const replaces = { id: parent.id, expiresAt: 5_000, seal: new Uint8Array(3), domainVersion: 1 }
    await Promise.all([
      storages[0].insertUserCredential({ credential: child, limit: 100, replaces, audit: null }),
      storages[1].deleteUserCredential({ id: parent.id, at: 2_000, audit: null }),
    ])
  }
  assert.deepEqual(await storages[0].listUserCredentials({ userId: null, after: null, limit: 100 }), [])
})

eachDatabase('where a key was made from is sealed with the rest of its row', async (store) => {
  await using server = await startTestServer(store.location)
  const apiKey = await makeApiKey(server, 'one', 'owner')
  const { body } = await ask(server.url, 'POST', 'register', { apiKey })
  const made = (body as unknown as Account)['API-Key']
  await queryDatabase(store.location, 'update user_credentials set made_from = null where made_from is not null')
  assert.equal((await ask(server.url, 'POST', 'register', { apiKey: made })).status, 401)
})

test('one of User-Id and API-Key is not enough, unless it is the key', async () => {
  await using server = await startTestServer()
  const userOnly = await ask(server.url, 'POST', 'register', { user: 'one' })
  assert.deepEqual([userOnly.status, /API-Key is missing/.test(userOnly.body.message)], [400, true])
  assert.equal((await ask(server.url, 'POST', 'register', { user: 'one', apiKey: 'A'.repeat(32) })).status, 401)
})

test('registration obeys the enrolment setting and its limit, and is for this machine', async () => {
  await using closed = await startTestServer({ flags: ['--enroll', 'closed'] })
  assert.equal((await ask(closed.url, 'POST', 'register')).status, 403)
  const apiKey = await makeApiKey(closed, 'one', 'owner')
  assert.equal((await ask(closed.url, 'POST', 'register', { apiKey })).status, 200, 'a known user may replace its key')

  await using remote = await startTestServer({ flags: ['--listen', '0.0.0.0:0', '--insecure-http'] })
  assert.equal((await ask(remote.url.replace('0.0.0.0', '127.0.0.1'), 'POST', 'register')).status, 403)

  await using limited = await startTestServer({ flags: ['--enroll-limit', '2'] })
  const statuses = await Promise.all(Array.from({ length: 4 }, async () => (await ask(limited.url, 'POST', 'register')).status))
  assert.deepEqual(statuses.sort(), [200, 200, 400, 400])
})
