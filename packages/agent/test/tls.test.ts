// TLS to the server, and who the agent is there.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { startTestServer } from '@vouchsafe/testkit/server'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import { agent, agentOk } from './support/run.ts'

test('an API key with the role of an attester, over TLS to a server of a private CA', async () => {
  await using host = await startHost()
  const [cert, key] = [host.swtpm.path('server.pem'), host.swtpm.path('server.key')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'pipe' })
  await using server = await startTestServer({ flags: ['--tls-cert', cert, '--tls-key', key] })
  await giveSigningKeys(server.server.context.signingKeys)
  const apiKeyPath = host.swtpm.path('apikey')
  await writeFile(apiKeyPath, `${await makeApiKey(server, 'fleet', 'attester', 'node-1')}\n`)
  const url = server.url.replace('127.0.0.1', 'localhost')
  const configure = (agentSection: object, tls: object = { ca_path: cert }) =>
    host.config({ agent: agentSection, server: { server_url: url, tls } })

  const config = await configure({ apikey_path: apiKeyPath })
  const ca = await makeCa(host.swtpm)
  const provision = (nodeId: string, file: string) =>
    agentOk(['provision', '--config', file, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', nodeId])
  await provision('node-1', config)
  // Its role can't store what it is to be judged by; and an unknown CA is refused.
  assert.match((await agent(['token', '--config', config])).stderr, /Server error: .*Certificate chain validation failed/)

  const untrusting = await configure({ apikey_path: apiKeyPath }, {})
  assert.match((await agent(['token', '--config', untrusting])).stderr, /Network error: .*self-signed certificate/)
  const doctor = await agent(['doctor', '--config', untrusting])
  assert.match(doctor.stdout, /-> give the server's CA as server\.tls\.ca_path/)
  const empty = host.swtpm.path('empty.pem')
  await writeFile(empty, '')
  const nothing = await configure({ apikey_path: apiKeyPath }, { ca_path: empty })
  assert.match((await agent(['token', '--config', nothing])).stderr, /server\.tls: ca holds no PEM/)
  const unknown = await configure({ apikey: 'x'.repeat(32) })
  assert.match((await agent(['token', '--config', unknown])).stderr, /Server error: .*Invalid API key.*\(status 401\)/)
  await provision('node-2', config)
  assert.match((await agent(['token', '--config', config])).stderr, /Server error: .*this credential attests only node-1 \(status 403\)/)
})
