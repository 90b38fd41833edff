import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import { quoteReportData } from '@vouchsafe/client'
import { parseQuote } from '@vouchsafe/dcap'
import { signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { ConfigError } from '../../src/config/config.ts'
import { selfSignedFiles } from '../../src/serving/self-signed.ts'
import { readTlsFiles } from '../../src/serving/tls-files.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-tls-'))
after(() => rmSync(folder, { recursive: true }))
const cert = join(folder, 'cert.pem')
const key = join(folder, 'key.pem')
execFileSync(
  'openssl',
  ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'].concat([
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ]),
  { stdio: 'pipe' },
)
const FLAGS = ['--tls-cert', cert, '--tls-key', key]

/** A request that trusts only the certificate of this test; gives the answer's body. */
function ask(url: string, body?: object): Promise<{ code: number; result: Record<string, string> }> {
  return new Promise((resolve, reject) => {
    const options = { ca: readFileSync(cert), method: body ? 'POST' : 'GET', agent: false, headers: { 'content-type': 'application/json' } }
    const req = request(url, options, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () => resolve(JSON.parse(text) as { code: number; result: Record<string, string> }))
    })
    req.on('error', reject)
    req.end(body && JSON.stringify(body))
  })
}

/** The protocol that a client of exactly this version gets, or the reason why it gets none. */
function handshake(url: string, version: SecureVersion): Promise<string> {
  const port = Number(new URL(url).port)
  return new Promise((resolve) => {
    const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0', rejectUnauthorized: false }
    const socket = connect(port, '127.0.0.1', options, () => {
      resolve(socket.getProtocol() ?? 'none')
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

test('with a certificate the API is served over TLS, 1.2 and 1.3 and nothing older', async () => {
  await using server = await startTestServer({ flags: FLAGS })
  const { url } = server
  assert.match(url, /^https:/)
  const { result } = await ask(`${url}/ehsm?Action=Enroll`)
  const app = result as unknown as Credentials
  assert.equal((await ask(`${url}/ehsm?Action=ListKey`, signedBody(app, undefined))).code, 200)
  assert.equal(await handshake(url, 'TLSv1.3'), 'TLSv1.3')
  assert.equal(await handshake(url, 'TLSv1.2'), 'TLSv1.2')
  for (const old of ['TLSv1.1', 'TLSv1'] as const) assert.match(await handshake(url, old), /PROTOCOL_VERSION|ECONNRESET/)
  await assert.rejects(fetch(`${url.replace('https:', 'http:')}/healthz`), 'plain HTTP gets nothing')
})

test('a certificate or key that cannot be used is refused at the start, by name', async () => {
  const start = (flags: string[]) => startTestServer({ flags })
  const missing = join(folder, 'missing.pem')
  const garbage = join(folder, 'garbage.pem')
  writeFileSync(garbage, 'no PEM')
  const mentions = (text: RegExp) => (error: unknown) => error instanceof ConfigError && text.test(error.message)
  await assert.rejects(start(['--tls-cert', missing, '--tls-key', key]), mentions(/tls-cert, tls-key: .*missing\.pem/))
  await assert.rejects(start(['--tls-cert', garbage, '--tls-key', key]), mentions(/tls-cert, tls-key: /))
  await assert.rejects(start(['--tls-cert', cert, '--tls-key', garbage]), mentions(/tls-cert, tls-key: /))
})

test('authorities of clients that cannot be read are refused, all of a file or none', () => {
  const file = join(folder, 'ca.pem')
  const read = (content: string) => {
    writeFileSync(file, content)
    return readTlsFiles({ cert, key, clientCa: file })
  }
  const good = readFileSync(cert, 'utf8')
  assert.deepEqual(read(`a comment\n${good}another\n${good}`).ca, [good.trimEnd(), good.trimEnd()])
  for (const content of ['', 'no PEM', readFileSync(key, 'utf8')]) assert.throws(() => read(content), /ca\.pem holds no certificate/)
  const half = good.slice(0, good.length / 2)
  for (const content of [half, good + half, `${half}\n${good}`, good + good.replace(/\nMII/, '\nMIJ')])
    assert.throws(() => read(content), /ca\.pem holds a certificate that cannot be read/)
})

test('a self-signed certificate is for every name it is given, and made anew where its key is another or it is torn', async () => {
  const dataDir = mkdtempSync(join(folder, 'data-'))
  const make = (hosts = [new URL('https://[2001:db8::1]').hostname]) => selfSignedFiles(dataDir, hosts, systemRuntime)
  const files = await make()
  const [one, pem] = [readFileSync(files.key), readFileSync(files.cert, 'utf8')]
  assert.equal(new X509Certificate(pem).checkIP('2001:db8::1'), '2001:db8::1')
  await make(['example.org'])
  writeFileSync(files.key, one)
  readTlsFiles(await make())
  writeFileSync(files.cert, pem.slice(0, 100))
  readTlsFiles(await make())
  const kept = readFileSync(files.cert, 'utf8')
  await make()
  assert.equal(readFileSync(files.cert, 'utf8'), kept)
  assert.deepEqual(readdirSync(dataDir).sort(), ['tls-self-signed.key', 'tls-self-signed.pem'])
})

test('quotes of a server with TLS are bound to its key', async () => {
  await using server = await startTestServer({ flags: FLAGS })
  const { result } = await ask(`${server.url}/ehsm?Action=Enroll`)
  const app = result as unknown as Credentials
  const challenge = Buffer.from('challenge')
  const answer = await ask(`${server.url}/ehsm?Action=GenerateQuote`, signedBody(app, { challenge: challenge.toString('base64') }))
  const { reportData } = parseQuote(Buffer.from(answer.result['quote']!, 'base64')).body
  const spki = new X509Certificate(readFileSync(cert)).publicKey.export({ type: 'spki', format: 'der' })
  const keyHash = createHash('sha256').update(spki).digest()
  assert.deepEqual(reportData, Buffer.from(quoteReportData(challenge, keyHash)))
  assert.deepEqual(reportData.subarray(32), keyHash)
})
