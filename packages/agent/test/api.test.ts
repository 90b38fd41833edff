// The REST API: shapes, refusals, headers, the cache, limits, the UNIX socket.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createConnection, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { EventEmitter, once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Services } from '../src/http/routes.ts'
import { startApi } from '../src/http/server.ts'
import type { Log } from '../src/log.ts'
import type { EvidenceDocument } from '../src/wire.ts'
import { ask, daemon, EVIDENCES, STATUS, TOKENS } from './support/daemon.ts'
import { startFalseServer } from './support/false-server.ts'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import type { TestHost } from '@vouchsafe/testkit/host'
import { agentOk } from './support/run.ts'

const NONCE = { iat: 1, value: randomBytes(64).toString('base64'), signature: randomBytes(384).toString('base64') }

async function provision(host: TestHost, config: string): Promise<string> {
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])
  return config
}

test('evidences: all three nonce types in the shape of the API, and the spellings of the document and its sample', async () => {
  await using host = await startHost()
  await using service = await daemon(await provision(host, await host.config()))
  const evidences = async (body: object) => {
    const { status, body: answer } = await ask(service.url, EVIDENCES, { body })
    assert.equal(status, 200, JSON.stringify(answer))
    return answer as unknown as EvidenceDocument
  }
  const types = (document: EvidenceDocument) => document.measurements[0].evidences.map(({ attester_type }) => attester_type)
  const userNonce = randomBytes(64).toString('base64')

  const byDefault = await evidences({ attester_types: ['tpm_boot'], nonce: NONCE, attester_data: 'custom_data' })
  assert.deepEqual(Object.keys(byDefault), ['agent_version', 'nonce_type', 'user_nonce', 'measurements'])
  assert.deepEqual(Object.keys(byDefault.measurements[0]), ['node_id', 'nonce', 'attester_data', 'evidences'])
  assert.deepEqual([byDefault.nonce_type, byDefault.measurements[0].attester_data], ['default', 'custom_data'])
  const user = await evidences({ attester_type: ['tpm_ima'], nonce_type: 'user', user_nonce: userNonce, attester_data: ' ' })
  assert.deepEqual(
    [user.user_nonce, user.measurements[0].nonce, user.measurements[0].attester_data, types(user)],
    [userNonce, null, null, ['tpm_ima']],
  )
  const ignored = await evidences({ nonce_type: 'ignore', attester_types: [], nonce: null })
  assert.deepEqual([ignored.nonce_type, ignored.user_nonce, types(ignored)], ['ignore', null, ['tpm_boot', 'tpm_ima']])
  assert.deepEqual(types(await evidences({ attester_type: 'tpm_boot', nonce_type: 'verifier', nonce: NONCE })), ['tpm_boot'])
})

const REFUSED: [path: string, body: unknown, message: RegExp][] = [
  [EVIDENCES, '{', /^Failed to parse request: the body is not JSON$/],
  [EVIDENCES, [], /must be a mapping of fields/],
  [EVIDENCES, {}, /^Nonce must be provided when nonce_type is 'default' or null \(nonce\)$/],
  [EVIDENCES, { nonce_type: 'user' }, /^User nonce must be provided when nonce_type is 'user' \(user_nonce\)$/],
  [EVIDENCES, { nonce_type: 'other' }, /nonce_type: must be one of ignore, user, default, verifier/],
  [EVIDENCES, { nonce_type: 'user', user_nonce: 'A'.repeat(60) }, /user_nonce: must be text of 64 to 1024 characters/],
  [EVIDENCES, { nonce_type: 'user', user_nonce: '-'.repeat(64) }, /user_nonce: is not standard base64/],
  // The document's own sample: its value is no base64.
  [
    EVIDENCES,
    { nonce: { ...NONCE, value: '5J7Q3sQbF6Yp6R6T1Qm8k1gX7j9YzvH4l6eQ2J1s8x0a9vT3h2K5z8W0u4x9V7n2b1c6e3w0p8m7u5q9t4r3y2z0v1s6d8a5g' } },
    /nonce\.value: is not standard base64/,
  ],
  [EVIDENCES, { nonce: { ...NONCE, iat: 0 } }, /nonce\.iat: must be a whole number from 1 /],
  [EVIDENCES, { nonce: { ...NONCE, signature: 'short' } }, /nonce\.signature: must be text of 64 /],
  [EVIDENCES, { nonce: NONCE, attester_types: ['tpm_boot', 'sgx'] }, /^Plugin not found: 'sgx'/],
  [EVIDENCES, { nonce: NONCE, attester_types: ['tpm_boot', 'tpm_boot'] }, /attester_type: 'tpm_boot' is listed twice/],
  [EVIDENCES, { nonce: NONCE, attester_data: nested(100) }, /attester_data: must not be nested deeper than 64 levels/],
  [TOKENS, { attester_info: {} }, /attester_info: must be a list/],
  [TOKENS, { attester_info: [{ attester_type: 'sgx' }] }, /^Plugin not found: 'sgx'/],
  [TOKENS, { attester_info: [{ attester_type: 'tpm_boot' }, {}] }, /attester_type: 'tpm_boot' is listed twice/],
  [TOKENS, { attester_info: [{ policy_ids: Array(11).fill('a') }] }, /attester_info\[0\]\.policy_ids: must be a list of 0 to 10/],
  [TOKENS, { attester_info: [{ policy_ids: ['a'.repeat(37)] }] }, /policy_ids\[0\]: must be text of 1 to 36/],
  [TOKENS, { challenge: 'yes' }, /challenge: must be true or false/],
  [TOKENS, { token_fmt: 'EAR' }, /token_fmt: must be one of eat/],
]

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)]
}

test('mistakes of the caller are 400 and name the field', async () => {
  await using host = await startHost()
  await using service = await daemon(await host.config())
  for (const [path, body, message] of REFUSED) {
    const { status, body: answer } = await ask(service.url, path, { body })
    assert.equal(status, 400, JSON.stringify(body))
    assert.match(answer['message'] as string, message)
  }
})

test('health, unknown paths, methods, trailing slashes and the security headers', async () => {
  await using host = await startHost()
  await using service = await daemon(await host.config())
  const health = await ask(service.url, '/health/', { method: 'GET' })
  assert.deepEqual([health.status, health.text], [200, '{"status":"healthy"}'])
  for (const [name, value] of Object.entries({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-xss-protection': '0',
    'cache-control': 'no-store, no-cache, must-revalidate',
    'content-security-policy': "default-src 'self'",
    'referrer-policy': 'no-referrer-when-downgrade',
  }))
    assert.equal(health.headers[name], value)
  const unknown = await ask(service.url, '/nothing', { method: 'GET' })
  assert.deepEqual(
    [unknown.status, unknown.text, unknown.headers['x-frame-options']],
    [404, '{"error":"Path not found","code":404}', 'DENY'],
  )
  assert.equal((await ask(service.url, TOKENS, { method: 'GET' })).status, 405)
  assert.equal((await ask(service.url, EVIDENCES, { body: 'x'.repeat(2 * 1024 * 1024) })).status, 413)
  const status = await ask(service.url, STATUS, { method: 'GET' })
  assert.deepEqual(status.body, { agent_version: '0.1.0', last_attestation: null })
})

test('web pages can not use the agent: neither across sites nor under a name of their own', async () => {
  await using host = await startHost()
  await using service = await daemon(await host.config())
  const health = async (headers: Record<string, string>) => (await ask(service.url, '/health', { method: 'GET', headers })).status
  assert.equal(await health({ origin: 'https://evil.example' }), 403)
  assert.equal(await health({ 'sec-fetch-site': 'cross-site' }), 403)
  assert.equal(await health({ host: 'rebound.example:8088' }), 403)
  assert.equal(await health({ host: 'localhost:8088' }), 200)
  assert.equal(await health({ host: '[::1]:8088' }), 200)
})

test('the same API at a UNIX socket; a stale one is replaced, one in use is not', async () => {
  await using host = await startHost()
  const socketPath = host.swtpm.path('agent')
  const config = await host.config({ agent: { listen_enabled: false, listen_socket: socketPath } })
  // What a killed process leaves behind.
  const stale = createServer().listen(socketPath)
  await once(stale, 'listening')
  // With a listener at an address too, which must not stay open.
  const before = await daemon(await host.config({ agent: { listen_socket: socketPath } })).then(
    () => 'started',
    (error: NodeJS.ErrnoException) => error.code,
  )
  assert.equal(before, 'EADDRINUSE')
  stale.close()
  {
    await using service = await daemon(config)
    assert.equal(service.url, undefined)
    const { text } = await ask(undefined, '/health', { method: 'GET', socketPath, headers: { host: 'any name' } })
    assert.equal(text, '{"status":"healthy"}')
  }
  assert.equal(existsSync(socketPath), false)
})

test('the socket of a process that is too busy to answer is left alone', async () => {
  await using host = await startHost()
  const socketPath = host.swtpm.path('busy')
  const script = 'import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen(0)\nprint("up", flush=True)\ninput()'
  const busy = spawn('python3', ['-c', script, socketPath], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(busy.stdout, 'data')
  // It accepts nobody, so its queue of one is full.
  const first = createConnection(socketPath)
  await once(first, 'connect')
  try {
    const config = await host.config({ agent: { listen_enabled: false, listen_socket: socketPath } })
    await assert.rejects(daemon(config), { code: 'EADDRINUSE' })
    assert.equal(existsSync(socketPath), true)
  } finally {
    first.destroy()
    busy.stdin.end('\n')
    await once(busy, 'exit')
  }
})

/** A server whose tokens say when they expire, and count. */
function counting(lifeSeconds: () => number) {
  let attested = 0
  const answer = (body: unknown) => JSON.stringify(body)
  const server = startFalseServer((operation, response) => {
    if (operation === 'challenge') return response.end(answer({ nonce: NONCE }))
    const claims = { jti: String(++attested), exp: Math.floor(Date.now() / 1000) + lifeSeconds(), status: 'pass' }
    const token = `${'h'.repeat(8)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${'s'.repeat(8)}`
    return response.end(answer({ tokens: [{ node_id: 'node-1', token }] }))
  })
  return { server, attested: () => attested }
}

test('a token is given again while it has a minute left, for equal attesters, policies and data only', async () => {
  let life = 600
  const { server: starting, attested } = counting(() => life)
  await using server = await starting
  await using host = await startHost()
  await using service = await daemon(await provision(host, await host.config({ server: { server_url: server.url } })))
  const count = async (body?: unknown) => {
    const { status, text } = await ask(service.url, TOKENS, { body })
    assert.equal(status, 200, text)
    return attested()
  }
  assert.equal(await count(), 1)
  assert.equal(await count({}), 1)
  assert.equal(await count({ attester_info: [], challenge: false, attester_data: null }), 1)
  assert.equal(await count({ attester_info: [{ attester_type: 'tpm_ima' }, { attester_type: 'tpm_boot', policy_ids: [] }] }), 1)
  assert.equal(await count({ attester_data: { a: 1, b: [2] } }), 2)
  assert.equal(await count({ attester_data: { b: [2], a: 1 } }), 2)
  assert.equal(await count({ attester_data: [['a', 1]] }), 3)
  assert.equal(await count({ attester_info: [{ policy_ids: ['p', 'q'] }] }), 4)
  assert.equal(await count({ attester_info: [{ policy_ids: ['q', 'p'] }] }), 4)
  assert.equal(await count({ challenge: true }), 5)
  life = 59
  assert.equal(await count({ challenge: true }), 6)
  assert.equal(await count(), 7)
  life = 600
  const together = await Promise.all(Array.from({ length: 5 }, () => ask(service.url, TOKENS)))
  assert.deepEqual([new Set(together.map(({ text }) => text)).size, attested()], [1, 8])
})

/** The API alone, without a TPM behind it, and what it logs. */
async function bareApi(collect = async () => ({}), takeTimeoutMs = 50, maxConnections?: number) {
  const lines: string[] = []
  const logged = new EventEmitter()
  const line = (message: string, values = {}) => {
    lines.push(JSON.stringify([message, values]))
    logged.emit('line', lines.at(-1))
  }
  const nextLine = async () => ((await once(logged, 'line')) as [string])[0]
  const log: Log = { error: line, warn: line, info: line, debug: line }
  const services = { last: () => undefined, collector: { select: () => [], collect } } as unknown as Services
  const listen = { address: '127.0.0.1', port: 0 }
  const api = await startApi({ services, log, listen, socketPath: undefined, takeTimeoutMs, ...(maxConnections && { maxConnections }) })
  return { lines, nextLine, url: api.url, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

test('requests of web pages neither use up the rate nor fill the log; nor do those beyond the rate', async () => {
  await using api = await bareApi()
  const path = `/${'p'.repeat(10_000)}`
  const statuses = async (count: number, headers: Record<string, string>) => {
    const answers = await Promise.all(Array.from({ length: count }, () => ask(api.url, path, { method: 'GET', headers })))
    return answers.map(({ status }) => status)
  }
  for (let i = 0; i < 5; i++) assert.deepEqual(new Set(await statuses(50, { origin: 'https://evil.example' })), new Set([403]))
  assert.equal((await statuses(20, {})).filter((status) => status === 404).length, 20)
  for (let i = 0; i < 5; i++) await statuses(50, {})
  assert.ok((await statuses(50, {})).includes(429))
  assert.ok(api.lines.length > 0 && api.lines.length < 50, `${api.lines.length} lines`)
  assert.ok(api.lines.every((line) => line.length < 1000))
})

test('who asks for evidence and does not read it is let go', async () => {
  const long = 'x'.repeat(32 * 1024 * 1024)
  await using api = await bareApi(async () => ({ long }))
  const sent = request(`${api.url}${EVIDENCES}`, { method: 'POST', agent: false })
  sent.end('{"nonce_type":"ignore"}')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.match(await api.nextLine(), /a caller did not read its answer/)
  await assert.rejects(buffer(response), /aborted/)
})

/** A connection on which `text` was sent; `ended` is all that came back, once it has ended. */
async function opened(url: string | undefined, text = ''): Promise<{ ended: Promise<string>; socket: Socket }> {
  const { hostname, port } = new URL(url!)
  const socket = createConnection(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
  socket.on('error', () => undefined)
  const ended = once(socket, 'close').then(() => answer)
  await once(socket, 'connect')
  socket.write(text)
  return { ended, socket }
}

test('connections that send nothing, or less than a request, take no room: the oldest goes when one more comes', async () => {
  await using api = await bareApi(undefined, undefined, 4)
  const post = `POST ${EVIDENCES} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\n{`
  const idle = [await opened(api.url), await opened(api.url, 'GET /hea'), await opened(api.url, post), await opened(api.url)]
  for (const { ended } of idle) {
    assert.equal((await ask(api.url, '/health', { method: 'GET', headers: { connection: 'close' } })).status, 200)
    assert.equal(await ended, '')
    // Its place was free again, and is taken.
    await opened(api.url)
  }
})

test('a connection whose request is being answered is not ended for another', async () => {
  const asked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  await using api = await bareApi(
    async () => {
      asked.resolve()
      await release.promise
      return { done: true }
    },
    undefined,
    1,
  )
  const body = '{"nonce_type":"ignore"}'
  const busy = await opened(
    api.url,
    `POST ${EVIDENCES} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await asked.promise
  assert.equal(await (await opened(api.url)).ended, '')
  release.resolve()
  assert.match(await busy.ended, /"done":true/)
})

test('a request line without a version (HTTP/0.9) gets no content', async () => {
  await using api = await bareApi()
  assert.match(await (await opened(api.url, 'GET /health\r\n\r\n')).ended, /^HTTP\/1\.1 400 [^]*\r\n\r\n$/)
})

test('of long answers that nobody takes, few are held', async () => {
  const long = 'x'.repeat(30 * 1024 * 1024)
  await using api = await bareApi(async () => ({ long }), 60_000)
  const untaken = async () => {
    const sent = request(`${api.url}${EVIDENCES}`, { method: 'POST', agent: false })
    sent.end('{"nonce_type":"ignore"}')
    return ((await once(sent, 'response')) as [IncomingMessage])[0]
  }
  const responses = [await untaken(), await untaken(), await untaken()]
  assert.deepEqual(
    responses.map(({ statusCode }) => statusCode),
    [200, 200, 503],
  )
  for (const response of responses) response.destroy()
})
