// The server away, slow, or not what it should be; and back again.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { systemRuntime } from '../src/runtime.ts'
import type { LastResult } from '../src/scheduler.ts'
import { claimsOf } from '../src/tokens.ts'
import { startAuthority, USER } from './support/authority.ts'
import { ask, daemon, EVIDENCES, TOKENS } from './support/daemon.ts'
import { startFalseServer } from './support/false-server.ts'
import { startGate } from './support/gate.ts'
import { certifyEndorsementKey, makeCa, startHost } from '@vouchsafe/testkit/host'
import type { TestHost } from '@vouchsafe/testkit/host'
import { instant } from './support/instant.ts'
import { agent, agentOk } from './support/run.ts'

const NONCE = { iat: 1, value: randomBytes(64).toString('base64'), signature: randomBytes(384).toString('base64') }
const TOKEN = `${'a'.repeat(20)}.${Buffer.from('{"status":"pass"}').toString('base64url')}.${'c'.repeat(20)}`

async function provisioned(host: TestHost, serverUrl: string, server: object = {}): Promise<string> {
  const config = await host.config({ agent: { user_id: USER }, server: { server_url: serverUrl, ...server } })
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])
  return config
}

const failure = async (config: string) => {
  const { code, stderr } = await agent(['token', '--config', config])
  assert.equal(code, 1)
  return stderr
}

test('the server away: a network error of status 503, while evidence for a given nonce and health go on', async () => {
  await using host = await startHost()
  const away = await startFalseServer(() => undefined)
  await away[Symbol.asyncDispose]()
  const config = await provisioned(host, away.url)
  await using service = await daemon(config)
  const { status, body } = await ask(service.url, TOKENS)
  assert.equal(status, 503)
  assert.match(
    body['message'] as string,
    /^Network error: http:\/\/127\.0\.0\.1:\d+: Challenge: cannot reach the server: connect ECONNREFUSED/,
  )
  assert.equal((await ask(service.url, '/health', { method: 'GET' })).status, 200)
})

test('a server that takes too long is given up', async () => {
  await using host = await startHost()
  await using slow = await startFalseServer(() => undefined)
  const config = await provisioned(host, slow.url, { timeout: 1 })
  assert.match(await failure(config), /Network error: .*no answer within 1000 ms/)
})

test('a daemon ends although a server does not answer', async () => {
  await using host = await startHost()
  const asked = Promise.withResolvers<void>()
  await using silent = await startFalseServer(() => asked.resolve())
  const schedulers = [{ name: 'challenge', initial_delay: { min: 0, max: 0 }, max_retries: 0 }]
  const logging = { level: 'error', file: host.swtpm.path('agent.log') }
  const service = await daemon(await host.config({ server: { server_url: silent.url }, schedulers, logging }), { graceMs: 20 })
  await asked.promise
  const start = performance.now()
  await service[Symbol.asyncDispose]()
  assert.ok(performance.now() - start < 10_000)
})

test('a server that is silent while a certificate is to be renewed does not keep evidence from others', async () => {
  await using host = await startHost()
  const asked = Promise.withResolvers<void>()
  await using silent = await startFalseServer(() => asked.resolve())
  const config = await host.config({ agent: { renew_certificate: true }, server: { server_url: silent.url } })
  const makers = await makeCa(host.swtpm, 'TPM makers')
  await certifyEndorsementKey(host.swtpm, makers)
  const ca = await makeCa(host.swtpm, 'Attestation keys of fleet 1,O=Vouchsafe')
  const options = ['--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1', '--days', '1']
  await agentOk(['provision', '--config', config, ...options], { ...systemRuntime, now: () => Date.now() - 0.7 * 86_400_000 })
  await using service = await daemon(config, { graceMs: 20 })
  await asked.promise
  const body = { nonce_type: 'ignore' }
  const { status } = await Promise.race([ask(service.url, EVIDENCES, { body }), wait(10_000, { status: 0 }, { ref: false })])
  assert.equal(status, 200)
})

test('garbage for an answer is refused by what is wrong with it, and nothing of it is believed', async () => {
  await using host = await startHost()
  let challenge: (response: ServerResponse) => void = () => undefined
  let attest: (response: ServerResponse) => void = () => undefined
  await using server = await startFalseServer((operation, response) => (operation === 'challenge' ? challenge : attest)(response))
  const config = await provisioned(host, server.url)
  const json = (body: unknown) => (response: ServerResponse) => response.end(typeof body === 'string' ? body : JSON.stringify(body))

  for (const [answer, expected] of [
    ['<html>', /Server error: .*the answer is not a JSON object/],
    [[1], /Server error: .*the answer is not a JSON object/],
    [{}, /Server error: .*has no nonce/],
    [
      { nonce: { ...NONCE, value: '!'.repeat(88) } },
      /Server error: the answer is not one of an attestation service: nonce\.value: is not standard base64/,
    ],
    [{ nonce: { ...NONCE, iat: 'now' } }, /Server error: .*iat/],
    [{ nonce: { ...NONCE, signature: '' } }, /Server error: .*nonce\.signature/],
  ] as const) {
    challenge = json(answer)
    assert.match(await failure(config), expected)
  }
  challenge = (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
  assert.match(await failure(config), /Server error: .*HTTP status 302 \(redirects are not followed\)/)
  challenge = (response) => response.writeHead(403).end(JSON.stringify({ message: 'no\u001b[31m' }))
  assert.match(await failure(config), /Server error: no \[31m \(status 403\)/)

  challenge = json({ nonce: NONCE })
  for (const [answer, expected] of [
    [{ tokens: 'all' }, /Server error: .*tokens/],
    [{ tokens: [{ node_id: 'node-1', token: 'no token' }] }, /Server error: .*tokens\[0\]\.token: is not a JSON Web Token/],
    [{ tokens: [{ node_id: 'node-9', token: TOKEN }] }, /No token received in server response: none for the node 'node-1'/],
    [{ tokens: [], errors: [{ index: 0, node_id: 'node-1', message: 'no\u001b[31m' }] }, /No token received in server response: no \[31m/],
  ] as const) {
    attest = json(answer)
    assert.match(await failure(config), expected)
  }
  attest = (response) => response.writeHead(200, { 'content-length': 100 }).write('{"tokens":[', () => response.destroy())
  assert.match(await failure(config), /(Network|Server) error: /)
  attest = json({ tokens: [{ node_id: 'node-1', token: TOKEN }] })
  assert.equal((await agentOk(['token', '--config', config])).stdout, `${TOKEN}\n`)
  const out = host.swtpm.path('token.jwt')
  await writeFile(out, 'of an earlier day, for all to read')
  await agentOk(['token', '--config', config, '--out', out])
  assert.deepEqual([await readFile(out, 'utf8'), (await stat(out)).mode & 0o777], [`${TOKEN}\n`, 0o600])
})

test('a daemon outlives the absence of its server, and attests when it is back', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  await using gate = await startGate(authority.url)
  const config = await host.config({
    agent: { user_id: USER },
    server: { server_url: gate.url },
    schedulers: [{ name: 'challenge', intervals: 60, initial_delay: { min: 0, max: 0 }, max_retries: 1 }],
    logging: { level: 'error', file: host.swtpm.path('agent.log') },
  })
  const ca = await makeCa(host.swtpm)
  await authority.client.addCertificate({ name: 'AK CA', type: ['tpm_boot', 'tpm_ima'], content: ca.pem })
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])

  let ended = Promise.withResolvers<LastResult>()
  await using service = await daemon(config, { runtime: instant(), onResult: (result) => ended.resolve(result) })
  const result = await ended.promise
  assert.deepEqual([result.outcome, result.tries], ['failed', 2])
  assert.match(result.detail, /^Network error: /)
  gate.open()
  for (let outcome = 'failed'; outcome !== 'ok';) {
    ended = Promise.withResolvers<LastResult>()
    ;({ outcome } = await ended.promise)
  }
  const { body } = await ask(service.url, TOKENS)
  assert.equal(claimsOf(body['token'] as string)['ueid'], 'node-1')
})
