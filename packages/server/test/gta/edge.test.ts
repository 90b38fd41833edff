// The edge: routes, refusals, limits.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { pathsOf } from '../../src/gta/edge.ts'
import { OPERATIONS } from '../../src/gta/operations.ts'
import { RateLimiter } from '../../src/edge/rate-limit.ts'
import { BodyBudget } from '../../src/edge/body-budget.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const PREFIXES = ['/global-trust-authority/v1/service', '/global-trust-authority/service/v1']

let server: TestServer
before(async () => {
  server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
})
after(() => server[Symbol.asyncDispose]())

eachDatabase('a challenge gives a nonce, under both prefixes', async (store) => {
  await using own = await startTestServer(store.location)
  await giveSigningKeys(own.server.context.signingKeys)
  for (const prefix of PREFIXES) {
    const { status, body } = await ask(own.url, 'POST', `${prefix}/challenge`, { user: 'test_01', body: CHALLENGE })
    assert.equal(status, 200)
    assert.equal(body.service_version, '1.0')
    assert.deepEqual(Object.keys(body.nonce), ['iat', 'value', 'signature'])
    await own.server.context.attestation.nonces.check('test_01', body.nonce)
  }
})

test('every operation is on every path of its own, and says which methods it has', async () => {
  const methods = Map.groupBy(
    OPERATIONS.flatMap((operation) => pathsOf(operation).map((path) => ({ path, method: operation.method }))),
    ({ path }) => path,
  )
  for (const [path, entries] of methods) {
    const allowed = new Set<string>(entries.map(({ method }) => method))
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers, body } = await ask(server.url, method, path)
      assert.equal(status === 405, !allowed.has(method), `${method} ${path}`)
      assert.notEqual(status, 404)
      if (status !== 405) continue
      assert.deepEqual(new Set(headers.get('allow')!.split(', ')), allowed)
      assert.equal(typeof body.message, 'string')
    }
  }
})

test('an unknown path below the service is a JSON refusal', async () => {
  for (const path of [
    ...PREFIXES.map((prefix) => `${prefix}/nothing`),
    '/global-trust-authority',
    '/global-trust-authority/x',
    `${PREFIXES[0]}/challenge/x`,
  ]) {
    const { status, body } = await ask(server.url, 'GET', path, { user: 'test_01' })
    assert.deepEqual([status, body], [404, { message: 'no such operation' }], path)
  }
})

test('a body that is not as it must be is a 400 whose message names the field', async () => {
  const refusals: [unknown, RegExp][] = [
    ['{', /^the body is not valid JSON$/],
    ['', /^the body must be an object$/],
    ['[]', /^the body must be an object$/],
    ['null', /^the body must be an object$/],
    [{ attester_type: ['tpm_boot'] }, /^agent_version is required$/],
    [{ ...CHALLENGE, agent_version: 1 }, /^agent_version must be a string$/],
    [{ ...CHALLENGE, agent_version: '' }, /^agent_version must NOT have fewer than 1 characters$/],
    [{ ...CHALLENGE, agent_version: 'x'.repeat(51) }, /^agent_version must NOT have more than 50 characters$/],
    [{ ...CHALLENGE, agent_version: 'a\0b' }, /^agent_version has characters that are not allowed$/],
    [{ ...CHALLENGE, attester_type: 'tpm_boot' }, /^attester_type must be an array$/],
    [{ ...CHALLENGE, attester_type: [] }, /^attester_type must NOT have fewer than 1 items$/],
    [{ ...CHALLENGE, attester_type: ['tpm_boot', 7] }, /^attester_type\[1\] must be a string$/],
    [{ ...CHALLENGE, attester_type: ['tpm_boot', 'sgx'] }, /Required plugins not found.*attester_type 'sgx'/],
    [
      JSON.stringify({ ...CHALLENGE, agent_version: undefined }).replace('{', '{"__proto__":{"agent_version":"1"},'),
      /^agent_version is required$/,
    ],
  ]
  for (const [body, message] of refusals) {
    const answer = await ask(server.url, 'POST', 'challenge', { user: 'test_01', body })
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.match(answer.body.message, message)
    assert.equal(answer.body.service_version, '1.0')
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
    const answer = await ask(server.url, 'POST', 'challenge', {
      user: 'test_01',
      body: JSON.stringify(CHALLENGE),
      headers: { 'content-type': type },
    })
    assert.deepEqual([answer.status, answer.body.message], [400, 'Content-Type must be application/json'])
  }
  const more = await ask(server.url, 'POST', 'challenge', {
    user: 'test_01',
    body: { ...CHALLENGE, unknown: 1 },
    headers: { accept: 'text/html' },
  })
  assert.equal(more.status, 200, 'fields that nobody knows, and Accept, are ignored')
})

test('who calls is settled before the body is looked at', async () => {
  assert.match((await ask(server.url, 'POST', 'challenge', { body: '{' })).body.message, /User-Id/)
})

test('a body that is too long is a 413, and the connection serves no more requests', async () => {
  const answer = await ask(server.url, 'POST', 'challenge', { user: 'test_01', body: { ...CHALLENGE, more: 'x'.repeat(1024 * 1024) } })
  assert.deepEqual([answer.status, answer.body.message], [413, 'the body is too large'])
  const { port, hostname } = new URL(server.url)
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    const head = `POST ${PREFIXES[0]}/challenge HTTP/1.1\r\nHost: localhost\r\nUser-Id: test_01\r\nContent-Type: application/json\r\n`
    socket.write(`${head}Content-Length: 2000000\r\n\r\n{"agent_version":`)
  })
  assert.match(said, /^HTTP\/1\.1 413 [^]*connection: close/i)
})

test('Request-Id comes back as it was sent, or is made; one that could spoil a log is not taken', async () => {
  const idOf = async (headers: Record<string, string>, path = 'challenge', method = 'POST') =>
    (await ask(server.url, method, path, { user: 'test_01', headers, ...(method === 'POST' ? { body: CHALLENGE } : {}) })).headers.get(
      'request-id',
    )
  assert.equal(await idOf({ 'request-id': 'r-1.x_Y' }), 'r-1.x_Y')
  assert.equal(await idOf({ 'request-id': 'r-2' }, 'nothing', 'GET'), 'r-2')
  assert.equal(await idOf({ 'request-id': 'r-3' }, 'challenge', 'GET'), 'r-3')
  const made = [await idOf({}), await idOf({}), await idOf({ 'request-id': 'a"b' }), await idOf({ 'request-id': 'x'.repeat(65) })]
  assert.equal(new Set(made).size, 4)
  for (const id of made) assert.match(id!, /^[\w-]{10,}$/)
})

test('calls are in the call log: who, what, with what result', async () => {
  await using own = await startTestServer()
  await giveSigningKeys(own.server.context.signingKeys)
  const headers = { 'request-id': 'logged' }
  await ask(own.url, 'POST', 'challenge', { user: '"a" \\ b', headers, body: CHALLENGE })
  await ask(own.url, 'POST', 'challenge', { user: 'two', headers, body: {} })
  await ask(own.url, 'POST', 'token/verify', { headers, body: { token: 'x' } })
  const lines = await eventually(async () => {
    const folder = join(own.dataDir, 'audit')
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
    const found = texts
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.equal(found.length, 3)
    return found
  })
  assert.deepEqual(
    lines.map(({ actor, action, outcome, code, request }) => [actor, action, code ?? outcome, request]),
    [
      ['user:"a" \\ b', 'Challenge', 'ok', 'logged'],
      ['user:two', 'Challenge', 'invalid', 'logged'],
      ['anybody', 'VerifyToken', 'ok', 'logged'],
    ],
  )
})

test('the admin listener serves none of it', async () => {
  await using own = await startTestServer({ flags: ['--admin-listen', '127.0.0.1:0'] })
  const { adminUrl } = own.server
  for (const operation of OPERATIONS) {
    for (const path of pathsOf(operation))
      assert.equal((await ask(adminUrl!, operation.method, path, { user: 'test_01' })).status, 404, path)
  }
})

test('a client that calls too often is told so, and others are not; loopback knows no limit', async () => {
  const flags = ['--listen', '0.0.0.0:0', '--insecure-http', '--attestation-rate', '1/2', '--registration-rate', '1/1']
  const runtime = pinnedRuntime()
  await using own = await startTestServer({ flags, runtime })
  await giveSigningKeys(own.server.context.signingKeys)
  const url = own.url.replace('0.0.0.0', '127.0.0.1')
  const [one, two] = [await makeApiKey(own, 'one', 'attester'), await makeApiKey(own, 'two', 'attester')]
  const statusOf = async (options: object) => (await ask(url, 'POST', 'challenge', { body: CHALLENGE, ...options })).status
  assert.deepEqual([await statusOf({ apiKey: one }), await statusOf({ apiKey: one }), await statusOf({ apiKey: one })], [200, 200, 429])
  assert.equal(await statusOf({ apiKey: two }), 200)
  runtime.advance(1_000)
  assert.deepEqual([await statusOf({ apiKey: one }), await statusOf({ apiKey: one })], [200, 429])
  // Credentials that are tried out count for the address they come from.
  assert.deepEqual(
    [await statusOf({ apiKey: 'A'.repeat(32) }), await statusOf({}), await statusOf({ apiKey: 'B'.repeat(32) })],
    [401, 401, 429],
  )
  runtime.advance(1_000)
  await statusOf({ apiKey: 'C'.repeat(32) })
  assert.deepEqual(
    [await statusOf({ apiKey: 'D'.repeat(32) }), await statusOf({ apiKey: two })],
    [429, 200],
    'who is known does not pay for it',
  )
  for (let i = 0; i < 3; i++) assert.equal((await ask(server.url, 'GET', '/.well-known/jwks.json')).status, 200)
})

test('an allowance fills up to its burst and no further', () => {
  const runtime = pinnedRuntime()
  const limiter = new RateLimiter({ management: { perSecond: 10, burst: 3 }, attestation: undefined, registration: undefined }, runtime)
  const taken = () => Array.from({ length: 5 }, () => limiter.take('management', 'one')).filter(Boolean).length
  assert.equal(taken(), 3)
  assert.equal(limiter.take('management', 'two'), true)
  runtime.advance(100)
  assert.equal(taken(), 1)
  runtime.advance(60_000)
  assert.equal(taken(), 3)
  assert.ok(Array.from({ length: 1_000 }, () => limiter.take('attestation', 'one')).every(Boolean))
})

test('long bodies share what memory there is for them, and no client has more than half', () => {
  const budget = new BodyBudget()
  const MIB = 1024 * 1024
  const held = ['one', 'one', 'two', 'two', 'three'].map((client) => budget.reserve(client, 100 * MIB, 100 * MIB))
  assert.throws(() => budget.reserve('four', undefined, 100 * MIB), { code: 'busy' }, 'a length that is not said may be the limit')
  budget.reserve('four', MIB, 100 * MIB)
  held[4]!()
  held[4]!()
  assert.throws(() => budget.reserve('one', 100 * MIB, 100 * MIB), { code: 'busy' }, 'it has 200 of 256 MiB')
  budget.reserve('four', 100 * MIB, 100 * MIB)
  assert.throws(() => budget.reserve('three', 100 * MIB, 100 * MIB), { code: 'busy' })
  for (const release of held) release()
  for (const client of ['one', 'one', 'two', 'two']) budget.reserve(client, 100 * MIB, 100 * MIB)
})

test('tokens are verified for anybody; whose they are is checked where a user is named', async () => {
  const { tokens } = server.server.context.attestation
  const token = await tokens.issue({ tenant: 'one', nodeId: 'n', nonceType: 'ignore', attesters: {} })
  for (const prefix of PREFIXES) {
    const { status, body } = await ask(server.url, 'POST', `${prefix}/token/verify`, { body: { token } })
    assert.deepEqual([status, body.verification_pass, body.token_body.ueid], [200, true, 'n'])
    assert.equal(body.token_header.jku, `${server.url}/.well-known/jwks.json`)
  }
  assert.equal((await ask(server.url, 'POST', 'token/verify', { user: 'one', body: { token } })).body.verification_pass, true)
  const foreign = await ask(server.url, 'POST', 'token/verify', { user: 'two', body: { token } })
  assert.deepEqual([foreign.status, foreign.body.verification_pass, foreign.body.token_body], [200, false, null])
  assert.match(foreign.body.message, /tenant/)
  const apiKey = await makeApiKey(server, 'two', 'attester')
  assert.equal((await ask(server.url, 'POST', 'token/verify', { apiKey, body: { token } })).body.verification_pass, false)
  const empty = await ask(server.url, 'POST', 'token/verify', { body: { token: '' } })
  assert.deepEqual([empty.status, empty.body], [400, { message: 'Token is empty' }])
  assert.deepEqual((await ask(server.url, 'POST', 'token/verify', { body: {} })).body, { message: 'token is required' })
})
