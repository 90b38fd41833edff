// Registration: contract §14, decisions "Who may do what".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, CHALLENGE, giveSigningKeys, makeApiKey } from '../support/authority.ts'
import { eachDatabase } from '../support/databases.ts'
import { pinnedPlatform } from '../support/platform.ts'
import { queryDatabase } from '../support/raw-database.ts'
import { startTestServer } from '../support/server.ts'

interface Account {
  'User-Id': string
  'API-Key': string
}

const HOUR_MS = 60 * 60 * 1000

eachDatabase('a new user gets an id and an API key that owns it, by POST and by GET', async (store) => {
  await using server = await startTestServer(store.location)
  await giveSigningKeys(server.server.context.keyring)
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
  const audit = await queryDatabase(store.location, `select actor, object, detail from audit where action = 'RegisterUser' order by seq`)
  assert.deepEqual(
    audit.map(({ actor, object }) => [actor, object]),
    accounts.map((account) => ['enroll', account['User-Id']]),
  )
  const everything = JSON.stringify(await queryDatabase(store.location, 'select * from user_credentials')) + JSON.stringify(audit)
  for (const account of accounts) assert.ok(!everything.includes(account['API-Key']), 'no key is stored')
})

eachDatabase('an API key is replaced by a new one like it, and works for another hour', async (store) => {
  const platform = pinnedPlatform()
  await using server = await startTestServer({ ...store.location, platform })
  await giveSigningKeys(server.server.context.keyring)
  const statusOf = async (apiKey: string) => (await ask(server.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status
  const old = await makeApiKey(server, 'one', 'attester', 'node')
  const { status, body } = await ask(server.url, 'POST', 'register', { user: 'one', apiKey: old })
  assert.equal(status, 200)
  const next = (body as unknown as Account)['API-Key']
  assert.equal((body as unknown as Account)['User-Id'], 'one')
  assert.deepEqual([await statusOf(old), await statusOf(next)], [200, 200])
  const identity = (await server.server.context.users.byApiKey(next))!
  assert.deepEqual([identity.role, identity.nodeId], ['attester', 'node'], 'it allows no more than the old one')
  platform.advance(HOUR_MS / 2)
  const third = ((await ask(server.url, 'POST', 'register', { apiKey: old })).body as unknown as Account)['API-Key']
  platform.advance(HOUR_MS / 2)
  assert.deepEqual(
    [await statusOf(old), await statusOf(next), await statusOf(third)],
    [401, 200, 200],
    'replacing it again gives it no more time',
  )
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
