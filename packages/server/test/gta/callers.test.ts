// Who may do what: decisions "Who may do what".
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { ask, askTls, CHALLENGE, PREFIX } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { pathsOf } from '../../src/gta/edge.ts'
import { OPERATIONS } from '../../src/gta/operations.ts'
import type { GtaOperation } from '../../src/gta/operation.ts'
import { clientOptions, testCa } from '../support/certificates.ts'
import { collectedLog } from '../support/collected-log.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

const ROLES = ['attester', 'auditor', 'owner'] as const
/** A listener on every address: for who calls it is not on loopback, whatever address it has. */
const PUBLIC = ['--listen', '0.0.0.0:0', '--insecure-http']

let loopback: TestServer
let remote: TestServer
let remoteUrl: string

before(async () => {
  loopback = await startTestServer()
  remote = await startTestServer({ flags: PUBLIC })
  remoteUrl = remote.url.replace('0.0.0.0', '127.0.0.1')
  await Promise.all([loopback, remote].map(({ server }) => giveSigningKeys(server.context.signingKeys)))
})
after(async () => {
  await loopback[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})

/** A challenge, which needs an attester. */
const challenge = (url: string, options: Parameters<typeof ask>[3] = {}) => ask(url, 'POST', 'challenge', { body: CHALLENGE, ...options })

/** What a challenge for a User-Id alone answers a client that calls the server by a name. */
function statusByName({ url }: TestServer, name: string): Promise<number> {
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    const headers = { host: `${name}:${port}`, 'user-id': 'test_01', 'content-type': 'application/json' }
    const req = request({ port, host: '127.0.0.1', method: 'POST', path: `${PREFIX}/challenge`, headers }, (res) => {
      res.resume()
      resolve(res.statusCode!)
    })
    req.on('error', reject)
    req.end(JSON.stringify(CHALLENGE))
  })
}

test('on loopback a User-Id alone is enough, and is an owner', async () => {
  assert.equal((await challenge(loopback.url, { user: 'test_01' })).status, 200)
  for (const user of ['x', 'x'.repeat(36), 'a b', '{"!~}']) assert.equal((await challenge(loopback.url, { user })).status, 200, user)
})

test('a User-Id that is missing or cannot be one is refused by name', async () => {
  for (const user of [undefined, 'x'.repeat(37), 'tab\there', 'é']) {
    const { status, body } = await challenge(loopback.url, user === undefined ? {} : { user })
    assert.equal(status, 400)
    assert.match(body.message, /^Missing or Invalid User-Id header/)
  }
})

test('what came through a proxy or from a web page is not from this machine', async () => {
  const foreign: Record<string, string>[] = [
    { 'x-forwarded-for': '192.0.2.1' },
    { forwarded: 'for=192.0.2.1' },
    ...['via', 'cf-connecting-ip', 'true-client-ip', 'x-client-ip', 'x-real-ip', 'x-envoy-peer-metadata', 'cdn-loop', 'fastly-ff'].map(
      (name) => ({ [name]: 'x' }),
    ),
    { via: '1.1 proxy' },
    { 'x-real-ip': '192.0.2.1' },
    { origin: 'https://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of foreign) {
    assert.equal((await challenge(loopback.url, { user: 'test_01', headers })).status, 401, JSON.stringify(headers))
    assert.equal((await ask(loopback.url, 'GET', 'register', { headers })).status, 403)
  }
  assert.equal(await statusByName(loopback, 'evil.example'), 401, 'a foreign name that was made to mean this machine')
  const apiKey = await makeApiKey(loopback, 'proxied', 'attester')
  assert.equal((await challenge(loopback.url, { apiKey, headers: { 'x-forwarded-for': '192.0.2.1' } })).status, 200)
})

test('the name of the public URL is not that of this machine: who uses it needs a credential', async () => {
  await using server = await startTestServer({ flags: ['--public-url', 'https://kms.example'] })
  assert.equal(await statusByName(server, 'kms.example'), 401, 'as a proxy passes it on that adds nothing')
})

test('elsewhere a credential is required', async () => {
  for (const options of [{}, { user: 'test_01' }]) {
    const { status, body } = await challenge(remoteUrl, options)
    assert.equal(status, 401)
    assert.match(body.message, /API key or a TLS client certificate is required/)
  }
})

test('an API key alone names the user; a User-Id beside it must agree', async () => {
  for (const [server, url] of [
    [loopback, loopback.url],
    [remote, remoteUrl],
  ] as const) {
    const apiKey = await makeApiKey(server, 'one', 'owner')
    assert.equal((await challenge(url, { apiKey })).status, 200)
    assert.equal((await challenge(url, { apiKey, user: 'one' })).status, 200)
    assert.equal((await challenge(url, { apiKey, user: 'two' })).status, 401)
    for (const wrong of ['x', 'A'.repeat(32), apiKey.toLowerCase(), `${apiKey}A`]) {
      const { status, body } = await challenge(url, { apiKey: wrong, user: 'one' })
      assert.deepEqual([status, body.message], [401, 'Invalid API key'])
    }
  }
})

test('every operation refuses every role that may not call it, before it looks at anything', async () => {
  const may = (role: (typeof ROLES)[number], { permission }: GtaOperation) =>
    role === 'owner' || permission === 'public' || permission === 'enroll' || permission === role
  for (const role of ROLES) {
    const apiKey = await makeApiKey(remote, `${role} user`, role)
    for (const operation of OPERATIONS) {
      for (const path of pathsOf(operation)) {
        const answer = await ask(remoteUrl, operation.method, path, { apiKey, ...(operation.method === 'GET' ? {} : { body: '{' }) })
        assert.equal(answer.status === 403, !may(role, operation), `${role} ${operation.method} ${path}: ${answer.status}`)
        assert.notEqual(answer.status, 401)
      }
    }
  }
})

test('no operation but the public ones answers who is not known, on any path', async () => {
  for (const operation of OPERATIONS) {
    for (const path of pathsOf(operation)) {
      const { status } = await ask(remoteUrl, operation.method, path, {
        user: 'somebody',
        ...(operation.method === 'GET' ? {} : { body: '{' }),
      })
      if (operation.permission === 'public') assert.notEqual(status, 401, path)
      else assert.ok(operation.permission === 'enroll' ? status === 400 || status === 403 : status === 401, `${path}: ${status}`)
    }
  }
})

eachDatabase('a credential ends when it expires, when it is revoked, and when its row is altered', async (store) => {
  await using server = await startTestServer({ ...store.location, flags: PUBLIC })
  await giveSigningKeys(server.server.context.signingKeys)
  const url = server.url.replace('0.0.0.0', '127.0.0.1')
  const { users } = server.server.context
  const make = (user: string, expiresAt?: number) => users.createApiKey(operatorCall(), { user, role: 'attester', expiresAt })
  const statusOf = async (apiKey: string) => (await challenge(url, { apiKey })).status

  const expired = await make('one', Date.now() - 1)
  assert.equal(await statusOf(expired.apiKey), 401)

  const revoked = await make('one')
  assert.equal(await statusOf(revoked.apiKey), 200)
  assert.deepEqual(await users.revoke(operatorCall(), revoked.credential.id), [revoked.credential.id])
  assert.equal(await statusOf(revoked.apiKey), 401)
  assert.deepEqual(await users.revoke(operatorCall(), revoked.credential.id), [])

  for (const [column, value] of [
    ['role', 'owner'],
    ['node_id', 'other'],
    ['expires_at', Date.now() + 1_000_000_000],
    ['user_id', 'two'],
  ] as const) {
    await make('two')
    const { credential, apiKey } = await make('one')
    await queryDatabase(store.location, `update user_credentials set ${column} = $1 where id = $2`, [value, credential.id])
    assert.equal(await statusOf(apiKey), 401, `${column} was altered`)
  }
  const stored = await queryDatabase(store.location, 'select * from user_credentials')
  assert.ok(!JSON.stringify(stored).includes(revoked.apiKey))
})

eachDatabase('a credential that is revoked on one server ends on another within a second or so', async (store) => {
  await using one = await startTestServer({ ...store.location, flags: PUBLIC })
  await using two = await startTestServer({ ...store.location, flags: PUBLIC })
  await giveSigningKeys(one.server.context.signingKeys)
  const url = two.url.replace('0.0.0.0', '127.0.0.1')
  const { credential, apiKey } = await one.server.context.users.createApiKey(operatorCall(), { user: 'one', role: 'attester' })
  assert.equal((await challenge(url, { apiKey })).status, 200)
  await one.server.context.users.revoke(operatorCall(), credential.id)
  await two.server.context.feed.poll()
  assert.equal((await challenge(url, { apiKey })).status, 401)
})

test('a TLS client certificate that an operator admitted names a user, with its role', async () => {
  using ca = testCa()
  using otherCa = testCa()
  const own = ca.issue('/CN=localhost')
  const [admitted, stranger, forged] = [ca.issue('/CN=agent'), ca.issue('/CN=agent'), otherCa.issue('/CN=agent')]
  const flags = ['--listen', '0.0.0.0:0', '--tls-cert', own.cert, '--tls-key', own.key, '--tls-client-ca', ca.file]
  await using server = await startTestServer({ flags })
  await giveSigningKeys(server.server.context.signingKeys)
  const url = server.url.replace('0.0.0.0', 'localhost')
  const { users } = server.server.context
  const fingerprint = (file: string) => Buffer.from(new X509Certificate(readFileSync(file)).fingerprint256.replaceAll(':', ''), 'hex')
  await users.admitCertificate(operatorCall(), fingerprint(admitted.cert), { user: 'one', role: 'auditor' })
  await users.admitCertificate(operatorCall(), fingerprint(forged.cert), { user: 'one', role: 'owner' })
  const attesterKey = await makeApiKey(server, 'one', 'attester')
  const foreignKey = await makeApiKey(server, 'two', 'owner')
  const statusOf = async (client: typeof own | undefined, headers: Record<string, string> = {}) => {
    const options = { ...clientOptions(ca, client), headers: { 'content-type': 'application/json', ...headers } }
    return (await askTls(url, 'POST', `${PREFIX}/challenge`, options, CHALLENGE)).status
  }
  assert.equal(await statusOf(undefined), 401)
  assert.equal(await statusOf(stranger), 401, 'of the CA, but not admitted')
  assert.equal(await statusOf(forged), 401, 'admitted, but not of the CA')
  assert.equal(await statusOf(admitted), 403, 'an auditor attests nothing')
  assert.equal(await statusOf(admitted, { 'user-id': 'two' }), 401)
  assert.equal(await statusOf(admitted, { 'api-key': attesterKey }), 200, 'the API key is the more explicit one')
  assert.equal(await statusOf(admitted, { 'api-key': foreignKey }), 401, 'two credentials of two users')
  await assert.rejects(
    users.admitCertificate(operatorCall(), fingerprint(admitted.cert), { user: 'two', role: 'owner' }),
    /admitted already/,
  )
})

test('who is refused for its role is in the call log, and no key is in any log', async () => {
  const { log, text } = collectedLog()
  await using server = await startTestServer({ flags: PUBLIC, log })
  await giveSigningKeys(server.server.context.signingKeys)
  const url = server.url.replace('0.0.0.0', '127.0.0.1')
  const apiKey = await makeApiKey(server, 'one', 'auditor')
  assert.equal((await challenge(url, { apiKey })).status, 403)
  assert.equal((await challenge(url, { apiKey: 'A'.repeat(32) })).status, 401)
  assert.ok(!text().includes(apiKey))
})
