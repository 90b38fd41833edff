// What must hold however many threads serve: the same tests with one and with three, on both databases.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { connect, type Connection } from '@vouchsafe/testkit/connections'
import { testStore, type DatabaseKind } from '@vouchsafe/testkit/databases'
import { enroll, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { SEALED_COLUMNS } from '../../src/operator/sealed-columns.ts'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
const PLAINTEXT = Buffer.from('what only its owner reads').toString('base64')

interface Fixture {
  server: TestServer
  url: string
  connections: Connection[]
  app: Credentials
}

function eachWay(name: string, work: (fixture: Fixture) => Promise<void>): void {
  for (const kind of ['sqlite', 'postgres'] satisfies DatabaseKind[]) {
    for (const threads of [1, 3]) {
      test(`${name} (${kind}, ${threads} ${threads === 1 ? 'thread' : 'threads'})`, async () => {
        await using store = await testStore(kind)
        await using server = await startTestServer({ ...store.location, flags: ['--threads', String(threads)] })
        using connections = await connect(server.url)
        await work({ server, url: server.url, connections, app: await enroll(server.url) })
      })
    }
  }
}

/** Calls over every connection at once. */
function everywhere(connections: readonly Connection[], app: Credentials, action: string, payload: object) {
  return Promise.all(connections.map((connection) => connection.call(app, action, payload)))
}

const codes = (answers: readonly { code: number }[]): number[] => [...new Set(answers.map(({ code }) => code))]

eachWay('a request is accepted once, a change holds everywhere when it is acknowledged, nothing is missing', async (fixture) => {
  const { server, connections, app } = fixture
  const [first] = connections
  const { keyid } = (await first!.call(app, 'CreateKey', AES)).result as unknown as { keyid: string }

  // Replay: the same request on all connections at once.
  for (let round = 0; round < 3; round++) {
    const body = signedBody(app, { keyid, plaintext: PLAINTEXT })
    const answers = await Promise.all(connections.map((connection) => connection.post('Encrypt', body)))
    assert.equal(answers.filter(({ code }) => code === 200).length, 1, 'one of them')
  }

  // Changes: what one connection was told is done holds on every other.
  assert.deepEqual(codes(await everywhere(connections, app, 'Encrypt', { keyid, plaintext: PLAINTEXT })), [200])
  for (const [i, connection] of connections.entries()) {
    if (i % 8 !== 0) continue
    assert.equal((await connection.call(app, 'DisableKey', { keyid })).code, 200)
    assert.deepEqual(codes(await everywhere(connections, app, 'Encrypt', { keyid, plaintext: PLAINTEXT })), [400], 'disabled')
    assert.equal((await connection.call(app, 'EnableKey', { keyid })).code, 200)
    assert.deepEqual(codes(await everywhere(connections, app, 'Encrypt', { keyid, plaintext: PLAINTEXT })), [200], 'enabled')
  }

  // Secrets: every thread reads the value that was put last.
  const secret = (value: number) => ({ secretName: 'prod/db', secretData: `value ${value}` })
  assert.equal((await first!.call(app, 'CreateSecret', secret(0))).code, 200)
  for (let value = 1; value < 4; value++) {
    assert.equal((await connections[value]!.call(app, 'PutSecretValue', secret(value))).code, 200)
    const answers = await everywhere(connections, app, 'GetSecretValue', { secretName: 'prod/db' })
    assert.deepEqual(new Set(answers.map(({ result }) => result['secretData'])), new Set([`value ${value}`]))
  }

  // The operator's changes, made in the process: a rotated API key is refused everywhere, a new domain key is used everywhere.
  const { context } = server.server
  const { ciphertext } = (await first!.call(app, 'Encrypt', { keyid, plaintext: PLAINTEXT })).result as unknown as { ciphertext: string }
  await context.envelopeKeys.rotateDomainKey(operatorCall('RotateDomainKey'), SEALED_COLUMNS, {
    report: () => {},
    signal: new AbortController().signal,
  })
  assert.deepEqual(codes(await everywhere(connections, app, 'Decrypt', { keyid, ciphertext })), [200])
  const made = await everywhere(connections, app, 'CreateKey', AES)
  assert.deepEqual(codes(made), [200])
  const { apikey } = await context.apps.rotateKey(operatorCall('RotateApiKey'), app.appid, 0)
  assert.ok(!codes(await everywhere(connections, app, 'Decrypt', { keyid, ciphertext })).includes(200), 'the old API key')
  assert.deepEqual(codes(await everywhere(connections, { ...app, apikey }, 'Decrypt', { keyid, ciphertext })), [200], 'the new one')

  // One trail and one page of metrics for all.
  const { result } = await first!.call({ ...app, apikey }, 'ListKey', {})
  assert.ok((result['list'] as unknown as unknown[]).length > connections.length)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  const counted = Number(/vouchsafe_requests_total\{action="CreateKey",code="200"\} (\d+)/.exec(metrics)?.[1])
  assert.equal(counted, 1 + connections.length)
  await context.settleTrail()
  const { faults } = await context.checkTrail()
  assert.deepEqual(faults, [])
})

test('a thread that dies is replaced, the others serve on, and no request is accepted again', async () => {
  await using server = await startTestServer({ flags: ['--threads', '3'] })
  const { threads } = server.server
  const app = await enroll(server.url)
  const sent: unknown[] = []
  {
    using connections = await connect(server.url)
    const { keyid } = (await connections[0]!.call(app, 'CreateKey', AES)).result as unknown as { keyid: string }
    for (const connection of connections) {
      const body = signedBody(app, { keyid, plaintext: PLAINTEXT })
      sent.push(body)
      assert.equal((await connection.post('Encrypt', body)).code, 200)
    }
    await threads!.end(2)
    const outcomes = await Promise.allSettled(
      connections.map((connection) => connection.call(app, 'Encrypt', { keyid, plaintext: PLAINTEXT })),
    )
    const answered = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.deepEqual(codes(answered.map(({ value }) => value)), [200])
    assert.ok(answered.length > 0)
  }
  await eventually(async () => assert.equal(threads!.serving, 3))
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  assert.match(metrics, /^vouchsafe_serving_threads 3$/m)
  assert.match(metrics, /^vouchsafe_serving_threads_replaced_total 1$/m)
  using connections = await connect(server.url)
  for (const body of sent) {
    const answers = await Promise.all(connections.map((connection) => connection.post('Encrypt', body)))
    assert.ok(!codes(answers).includes(200))
  }
  const [record] = await server.server.context.storage.queryAudit({ filter: { action: 'ReplaceThread' }, limit: 10 })
  assert.equal(record?.object, '2')
})
