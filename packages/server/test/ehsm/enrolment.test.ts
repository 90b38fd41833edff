/** Who may enrol: direct requests on a loopback listener, while enrolment is open and there is room. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { envelopeOf, send } from './http.ts'

const CLOSED = { code: 400, message: 'enroll user info failed, enrolment is closed on this listener.', result: {} }
const FORWARDED = { code: 400, message: 'enroll user info failed, open enrolment takes direct loopback requests only.', result: {} }

async function ask(url: string, headers: Record<string, string> = {}) {
  return envelopeOf(await send(url, { method: 'GET', path: '/ehsm?Action=Enroll', headers }))
}

const apps = (server: TestServer) => server.server.context.storage.countApps()

test('every enrolment gives another app with a key of its own', async () => {
  await using server = await startTestServer()
  const given = [await enroll(server.url), await enroll(server.url), await enroll(server.url)]
  assert.equal(new Set(given.flatMap(({ appid, apikey }) => [appid, apikey])).size, 6)
  for (const credentials of given) {
    assert.match(credentials.apikey, /^[0-9A-HJ-NP-Za-km-np-z]{32}$/)
    assert.match(credentials.appid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.deepEqual(await call(server.url, credentials, 'ListKey'), { code: 200, message: 'success!', result: { list: [] } })
  }
})

test('closed enrolment is closed to everybody', async () => {
  await using server = await startTestServer({ flags: ['--enroll', 'closed'] })
  assert.deepEqual(await ask(server.url), CLOSED)
  assert.equal(await apps(server), 0)
})

test('a listener that others can reach does not enrol', async () => {
  await using server = await startTestServer({ flags: ['--listen', '0.0.0.0:0', '--insecure-http'] })
  assert.deepEqual(await ask(server.url.replace('0.0.0.0', '127.0.0.1')), CLOSED)
  assert.equal(await apps(server), 0)
})

test('requests that came through a proxy are refused, as are those for a foreign host', async () => {
  await using server = await startTestServer()
  const { port } = new URL(server.url)
  const forwarded = ['Forwarded', 'X-Forwarded-For', 'x-forwarded-host', 'X-Forwarded-Proto', 'X-Forwarded-Anything', 'X-Forwarded', 'Via']
  forwarded.push(
    'CF-Connecting-IP',
    'True-Client-IP',
    'X-Client-IP',
    'X-Real-IP',
    'X-Envoy-External-Address',
    'CDN-Loop',
    'Fastly-Client-IP',
  )
  for (const name of forwarded) {
    assert.deepEqual(await ask(server.url, { [name]: '127.0.0.1' }), FORWARDED, name)
    assert.deepEqual(await ask(server.url, { [name]: '' }), FORWARDED, name)
  }
  const foreign = [
    'evil.example',
    `evil.example:${port}`,
    '192.0.2.1',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '0.0.0.0',
    '[::2]',
    '[::ffff:1.2.3.4]',
    'a b',
    '127.0.0.1:1:2',
    '@127.0.0.1',
    '[',
    '127.0.0.1, evil',
  ]
  for (const host of foreign) assert.deepEqual(await ask(server.url, { host }), FORWARDED, host)
  assert.equal(await apps(server), 0)
  for (const host of ['localhost', `LOCALHOST:${port}`, '127.0.0.1', '127.1.2.3:80', '[::1]', `[::1]:${port}`]) {
    assert.equal((await ask(server.url, { host })).code, 200, host)
  }
})

test('the host of the public URL is accepted', async () => {
  await using server = await startTestServer({ flags: ['--public-url', 'https://kms.example:8443/'] })
  for (const host of ['kms.example', 'KMS.example:8443', 'kms.example:9']) assert.equal((await ask(server.url, { host })).code, 200, host)
  for (const host of ['x.kms.example', 'kms.example.']) assert.deepEqual(await ask(server.url, { host }), FORWARDED, host)
  assert.deepEqual(await ask(server.url, { host: 'kms.example', 'x-forwarded-for': '192.0.2.1' }), FORWARDED)
})

test('enrolment ends at its limit, exactly, also for requests at once', async () => {
  await using server = await startTestServer({ flags: ['--enroll-limit', '3'] })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(server.url)))
  const limit = { code: 400, message: 'enroll user info failed, no more apps can be enrolled here.', result: {} }
  assert.equal(answers.filter(({ code }) => code === 200).length, 3)
  for (const answer of answers.filter(({ code }) => code !== 200)) assert.deepEqual(answer, limit)
  assert.equal(await apps(server), 3)
})

test('a web page shown on this machine cannot enrol', async () => {
  await using server = await startTestServer()
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    assert.deepEqual(await ask(server.url, headers as Record<string, string>), FORWARDED)
  }
  assert.equal((await ask(server.url, { 'sec-fetch-site': 'none' })).code, 200)
})
