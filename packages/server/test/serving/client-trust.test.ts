// Trust in clients that is withdrawn by a reload: what was trusted before gets no further answer.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { askTls, CHALLENGE, PREFIX } from '@vouchsafe/testkit/authority'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import type { Config } from '../../src/config/config.ts'
import { clientOptions, testCa, type IssuedFiles, type TestCa } from '../support/certificates.ts'

const KEYS = '/v1/vault/get_signing_keys'

/** A server with both listeners; `agent` is admitted as a user, `verifier` listed at the key manager. */
async function start(ca: TestCa) {
  const own = ca.issue('/CN=localhost')
  const [agent, verifier] = [ca.issue('/CN=agent'), ca.issue('/CN=verifier')]
  const keyManager = ['--key-manager-listen', '127.0.0.1:0', '--key-manager-ca', ca.file, '--key-manager-clients', 'verifier']
  const flags = ['--listen', '0.0.0.0:0', '--tls-cert', own.cert, '--tls-key', own.key, '--tls-client-ca', ca.file, ...keyManager]
  const server = await startTestServer({ flags })
  await giveSigningKeys(server.server.context.signingKeys)
  const fingerprint = new X509Certificate(readFileSync(agent.cert)).fingerprint256.replaceAll(':', '')
  await server.server.context.users.admitCertificate(operatorCall(), Buffer.from(fingerprint, 'hex'), { user: 'one', role: 'attester' })
  return { server, agent, verifier, url: server.url.replace('0.0.0.0', '127.0.0.1'), keyManagerUrl: server.server.keyManagerUrl! }
}

function reload({ server }: TestServer, changes: Partial<Config>): Promise<void> {
  return server.reload({ ...server.context.config, ...changes })
}

/** A challenge asked for over the connection that the agent keeps open; the status, or the code of what happened to the connection. */
async function challenge(url: string, ca: TestCa, keep: Agent, client?: IssuedFiles): Promise<number | string> {
  const options = { ...clientOptions(ca, client), agent: keep, headers: { 'content-type': 'application/json' } }
  return askTls(url, 'POST', `${PREFIX}/challenge`, options, CHALLENGE).then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
}

/** An open connection, its handshake done. */
async function connected(url: string, ca: TestCa, client?: IssuedFiles, more = {}): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), ...clientOptions(ca, client), ...more })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

/** All that the server sends until it ends the connection. */
async function restOf(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  if (!socket.closed) await once(socket, 'close')
  return text
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

test('connections of clients whose CA was replaced end, at both listeners; those of the others go on', async () => {
  using ca = testCa()
  using otherCa = testCa()
  const { server, agent, verifier, url, keyManagerUrl } = await start(ca)
  await using _ = server
  const [certified, plain] = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })]
  assert.deepEqual([await challenge(url, ca, certified, agent), await challenge(url, ca, plain)], [200, 401])
  const [anonymous] = Object.values(plain.freeSockets).flat()
  const [shown] = Object.values(certified.freeSockets).flat()
  const waiting = await connected(keyManagerUrl, ca, verifier)

  await reload(server, {})
  assert.equal(await challenge(url, ca, certified, agent), 200)
  assert.equal(shown!.destroyed, false, 'nothing was withdrawn')
  assert.equal(waiting.closed, false)

  await reload(server, { tlsClientCa: otherCa.file, keyManagerCa: otherCa.file })
  waiting.write(request(KEYS))
  assert.equal(await restOf(waiting), '')
  if (!shown!.closed) await once(shown!, 'close')
  assert.equal(await challenge(url, ca, certified, agent), 401, 'a new connection shows what no longer counts')
  assert.equal(await challenge(url, ca, plain), 401)
  assert.equal(anonymous!.destroyed, false, 'the connection without a certificate is the same one')
  certified.destroy()
  plain.destroy()
})

test('an answer that is under way is given, and nothing after it', async () => {
  using ca = testCa()
  using otherCa = testCa()
  const { server, agent, url } = await start(ca)
  await using _ = server
  const socket = await connected(url, ca, agent)
  const { storage } = server.server.context
  const ping = storage.ping.bind(storage)
  const asked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  storage.ping = async () => {
    asked.resolve()
    await release.promise
    return ping()
  }
  socket.write(request('/readyz'))
  await asked.promise
  await reload(server, { tlsClientCa: otherCa.file })
  socket.write(request('/healthz'))
  release.resolve()
  const text = await restOf(socket)
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, text)
  assert.match(text, /"ready"/)
})

test('a handshake that began under the old CA ends with it, and its session is not taken up again', async () => {
  using ca = testCa()
  using otherCa = testCa()
  const { server, agent, url } = await start(ca)
  await using _ = server
  const first = await connected(url, ca, agent, { maxVersion: 'TLSv1.2' })
  const session = first.getSession()
  const { port } = new URL(url)
  const raw = connectTcp(Number(port), '127.0.0.1')
  await once(raw, 'connect')
  // Connections are taken in their order: once a later one was answered, this one was taken too.
  const later = await connected(url, ca)
  later.destroy()
  await reload(server, { tlsClientCa: otherCa.file })
  const begun = connect({ socket: raw, ...clientOptions(ca, agent), checkServerIdentity: () => undefined })
  begun.on('error', () => undefined)
  begun.write(request('/healthz'))
  assert.equal(await restOf(begun), '')
  const again = await connected(url, ca, agent, { maxVersion: 'TLSv1.2', session })
  assert.equal(again.isSessionReused(), false)
  again.destroy()
})

test('the list of key manager clients is reloaded, and its answers close the connection', async () => {
  using ca = testCa()
  const { server, verifier, keyManagerUrl } = await start(ca)
  await using _ = server
  const socket = await connected(keyManagerUrl, ca, verifier)
  socket.write(request(KEYS))
  const text = await restOf(socket)
  assert.match(text, /^HTTP\/1\.1 200/)
  assert.match(text, /^connection: close/im)
  await reload(server, { keyManagerClients: ['someone else'] })
  assert.equal((await askTls(keyManagerUrl, 'GET', KEYS, clientOptions(ca, verifier))).status, 403)
})

test('a CRL that is added or replaced ends the connections of those whom it names', async () => {
  using ca = testCa()
  const { server, agent, verifier, url, keyManagerUrl } = await start(ca)
  await using _ = server
  const keep = new Agent({ keepAlive: true, maxSockets: 1 })
  const none = await ca.crl()
  await reload(server, { tlsClientCrl: none, keyManagerCrl: none })
  assert.equal(await challenge(url, ca, keep, agent), 200)
  const waiting = await connected(keyManagerUrl, ca, verifier)
  const both = await ca.crl(agent, verifier)
  await reload(server, { tlsClientCrl: both, keyManagerCrl: both })
  waiting.write(request(KEYS))
  assert.equal(await restOf(waiting), '')
  assert.equal(await challenge(url, ca, keep, agent), 401)
  await assert.rejects(askTls(keyManagerUrl, 'GET', KEYS, clientOptions(ca, verifier)))
  await assert.rejects(reload(server, { tlsClientCrl: ca.file }), /tls-client-crl: .* holds no CRL/)
  keep.destroy()
})
