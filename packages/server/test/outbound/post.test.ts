import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createOutbound, type Resolve } from '../../src/outbound/post.ts'
import { startWebhook } from '../support/webhook.ts'

const never = new AbortController().signal
const refused = (message: RegExp) => ({ name: 'OutboundError', message })
const FORBIDDEN = refused(/may not call/)

test('what is wrong with an address is said by its text', () => {
  const { refusal } = createOutbound({ networks: 'loopback' })
  const problems: [string, RegExp | undefined][] = [
    ['https://example.com/hook?a=1', undefined],
    ['https://[2606:4700::1111]:8443/', undefined],
    ['http://localhost:9/', undefined],
    ['http://127.0.0.1:9/', undefined],
    ['http://[::1]:9/', undefined],
    // Other spellings of 127.0.0.1 are read as what they are.
    ['http://0x7f.1:9/', undefined],
    ['http://2130706433/', undefined],
    ['http://example.com/', /http:\/\/ is for loopback addresses only/],
    ['http://10.0.0.1/', /http:\/\/ is for loopback addresses only/],
    ['http://localhost.example.com/', /http:\/\/ is for loopback addresses only/],
    ['ftp://example.com/', /must be an https:/],
    ['file:///etc/passwd', /must be an https:/],
    ['example.com', /must be an https:/],
    ['', /must be an https:/],
    [`https://example.com/${'x'.repeat(2048)}`, /must be an https:/],
    ['https://user@example.com/', /neither credentials nor a fragment/],
    ['https://user:password@example.com/', /neither credentials nor a fragment/],
    ['https://example.com/#part', /neither credentials nor a fragment/],
    ['https://169.254.169.254/latest/meta-data', /may not call/],
    ['https://[::ffff:169.254.169.254]/', /may not call/],
    ['https://0/', /may not call/],
    ['https://[fe80::1]/', /may not call/],
  ]
  for (const [url, expected] of problems) {
    if (expected === undefined) assert.equal(refusal(url), undefined, url)
    else assert.match(refusal(url) ?? '', expected, url)
  }
  const strict = createOutbound({ networks: 'private' })
  for (const url of ['http://127.0.0.1/', 'https://127.0.0.1/', 'https://localhost/', 'https://[::1]/'])
    assert.match(strict.refusal(url) ?? '', /may not call/)
})

test('a name is resolved once, and only to what was checked', async () => {
  await using webhook = await startWebhook((_, res) => void res.end('answer'))
  const { port } = new URL(webhook.url)
  let lookups = 0
  // The second answer is what an attacker's server would give once the first has been checked.
  const rebinding: Resolve = async () =>
    ++lookups === 1 ? [{ address: '127.0.0.1', family: 4 }] : [{ address: '169.254.169.254', family: 4 }]
  const { postJson } = createOutbound({ networks: 'loopback', resolve: rebinding })
  const { status, body } = await postJson(`http://localhost:${port}/`, '{}', {}, never)
  assert.deepEqual([status, body.toString(), lookups], [200, 'answer', 1])
  await assert.rejects(postJson(`http://localhost:${port}/`, '{}', {}, never), FORBIDDEN)
  assert.equal(webhook.asked.length, 1)
})

test('a name is refused when any of its addresses is', async () => {
  const resolving =
    (...addresses: string[]): Resolve =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const attempt = (networks: 'public' | 'loopback', ...addresses: string[]) =>
    createOutbound({ networks, resolve: resolving(...addresses) }).postJson('https://hook.example.com/', '{}', {}, never)
  for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:8.8.8.8', 'fe80::1', '0.0.0.0']) {
    await assert.rejects(attempt('public', address), FORBIDDEN, address)
    await assert.rejects(attempt('public', '8.8.8.8', address), FORBIDDEN, address)
  }
  await assert.rejects(attempt('loopback'), FORBIDDEN, 'a name without addresses')
  const plain = createOutbound({ networks: 'loopback', resolve: resolving('8.8.8.8') })
  await assert.rejects(plain.postJson('http://localhost/', '{}', {}, never), FORBIDDEN, 'plain HTTP leaves this machine for nobody')
})

test('localhost needs no name server', async () => {
  await using webhook = await startWebhook((_, res) => void res.end('answer'))
  const { postJson } = createOutbound({ networks: 'loopback' })
  const { status } = await postJson(webhook.url.replace('127.0.0.1', 'localhost'), '{}', {}, never)
  assert.equal(status, 200)
})

test('a name that does not resolve, and one that resolves too late', async () => {
  const failing = createOutbound({ networks: 'public', resolve: () => Promise.reject(new Error('ENOTFOUND internal.name')) })
  await assert.rejects(failing.postJson('https://hook.example.com/', '{}', {}, never), refused(/^could not be reached$/))
  const slow = createOutbound({ networks: 'public', resolve: () => new Promise(() => {}), patience: 20 })
  await assert.rejects(slow.postJson('https://hook.example.com/', '{}', {}, never), refused(/^gave no answer within/))
})

test('a call is ended from outside', async () => {
  const arrived = Promise.withResolvers<void>()
  await using webhook = await startWebhook(() => arrived.resolve())
  const ending = new AbortController()
  const call = createOutbound({ networks: 'loopback' }).postJson(webhook.url, '{}', {}, ending.signal)
  await arrived.promise
  ending.abort()
  await assert.rejects(call, { name: 'AbortError' })
})

test('over HTTPS the certificate must be valid for the name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ]
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
    let requests = 0
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, res) => {
      requests++
      res.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    // A process of its own: extra authorities are read at its start.
    const attempt = (host: string, extraCa?: string) => {
      const script = `
        import { createOutbound } from ${JSON.stringify(new URL('../../src/outbound/post.ts', import.meta.url).href)}
        const { postJson } = createOutbound({ networks: 'loopback', resolve: async () => [{ address: '127.0.0.1', family: 4 }] })
        await postJson('https://${host}:${port}/', '{}', {}, new AbortController().signal).then(({ status }) => console.log(status), ({ message }) => console.log(message))`
      return runScript(script, extraCa)
    }
    assert.equal(await attempt('localhost'), 'has no valid TLS certificate')
    assert.equal(await attempt('other.example.com', cert), 'has no valid TLS certificate')
    assert.equal(requests, 0)
    assert.equal(await attempt('localhost', cert), '200')
    await new Promise((resolve) => server.close(resolve))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

async function runScript(script: string, extraCa: string | undefined): Promise<string> {
  const { execFile } = await import('node:child_process')
  const { promisify } = await import('node:util')
  const env = { ...process.env, ...(extraCa === undefined ? {} : { NODE_EXTRA_CA_CERTS: extraCa }) }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env })
  return stdout.trim()
}
