/** Health, readiness, metrics and the API document: what they show, and on which listener. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { call, enroll, post, signedBody, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, temporaryFolder } from '@vouchsafe/testkit/server'
import { send } from './http.ts'

const NOT_FOUND = { code: 404, message: 'Not Found', result: {} }

async function get(url: string, path: string) {
  const { status, headers, text } = await send(url, { method: 'GET', path })
  return { status, type: headers['content-type'], text }
}

test('health and readiness are shown on every listener', async () => {
  await using server = await startTestServer()
  const health = await get(server.url, '/healthz')
  assert.deepEqual([health.status, JSON.parse(health.text)], [200, { status: 'ok' }])
  const ready = await get(server.url, '/readyz')
  assert.deepEqual([ready.status, JSON.parse(ready.text)], [200, { status: 'ready' }])
})

test('without its store the server is alive but not ready, and says so without detail', async () => {
  const dataDir = await temporaryFolder()
  const server = await startTestServer({ dataDir })
  try {
    const app = await enroll(server.url)
    await server.server.context.storage[Symbol.asyncDispose]()
    assert.equal((await get(server.url, '/healthz')).status, 200)
    const ready = await get(server.url, '/readyz')
    assert.deepEqual([ready.status, JSON.parse(ready.text)], [503, { status: 'not ready', reasons: ['store'] }])
    assert.deepEqual(await call(server.url, app, 'ListKey'), { code: 500, message: 'database error', result: {} })
  } finally {
    // It can't take its leave of a store that is closed.
    await assert.rejects(async () => server[Symbol.asyncDispose]())
    await rm(dataDir, { recursive: true })
  }
})

test('metrics count requests by action and code, storage operations, keys and the guard', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const { keyid } = await succeed(server.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY' })
  for (let i = 0; i < 2; i++) await succeed(server.url, app, 'Encrypt', { keyid, plaintext: 'AAAA' })
  await call(server.url, app, 'Encrypt', { keyid })
  await call(server.url, app, 'NoSuchAction<script>')
  await post(server.url, 'Encrypt', {})
  const { status, type, text } = await get(server.url, '/metrics')
  assert.equal(status, 200)
  assert.match(type!, /^text\/plain/)
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length + 1),
    )
  assert.equal(value('vouchsafe_requests_total{action="Enroll",code="200"}'), 1)
  assert.equal(value('vouchsafe_requests_total{action="Encrypt",code="200"}'), 2)
  assert.equal(value('vouchsafe_requests_total{action="Encrypt",code="400"}'), 2)
  assert.equal(value('vouchsafe_requests_total{action="unknown",code="404"}'), 1)
  assert.equal(value('vouchsafe_request_seconds_count{action="Encrypt"}'), 4)
  assert.equal(value('vouchsafe_storage_seconds_count{operation="insertKey",result="ok"}'), 1)
  assert.equal(value('vouchsafe_replay_entries'), 5)
  assert.equal(value('vouchsafe_replay_shared'), 0)
  for (const name of ['store_write_failing', 'trail_failing', 'trail_files_lost_total']) assert.equal(value(`vouchsafe_${name}`), 0, name)
  assert.equal(value('vouchsafe_domain_keys_usable'), 1)
  assert.ok(value('vouchsafe_disk_free_bytes') > 0)
  assert.ok(value('vouchsafe_store_write_age_seconds') < 10)
  assert.ok(value('vouchsafe_trail_waiting_bytes') >= 0)
  assert.equal(value('vouchsafe_key_cache_keys'), 1)
  assert.equal(value('vouchsafe_app_cache_apps'), 1)
  assert.ok(value('process_resident_memory_bytes') > 1e7)
  assert.ok(!text.includes('script'))
})

test('metrics and the API document are shown on loopback only', async () => {
  await using server = await startTestServer({ flags: ['--listen', '0.0.0.0:0', '--insecure-http'] })
  const url = server.url.replace('0.0.0.0', '127.0.0.2')
  for (const path of ['/metrics', '/openapi.json', '/metrics?x=1', '/openapi.json/']) {
    const { status, text } = await get(url, path)
    assert.deepEqual([path, status, JSON.parse(text)], [path, 404, NOT_FOUND])
  }
  for (const path of ['/healthz', '/readyz']) assert.equal((await get(url, path)).status, 200)
  assert.equal((await post(url, 'ListKey', {})).code, 400)
})

test('an admin listener shows them, but does not serve the API', async () => {
  await using server = await startTestServer({ flags: ['--listen', '0.0.0.0:0', '--insecure-http', '--admin-listen', '127.0.0.1:0'] })
  const admin = server.server.adminUrl!
  for (const path of ['/metrics', '/openapi.json', '/healthz', '/readyz']) assert.equal((await get(admin, path)).status, 200, path)
  for (const path of ['/ehsm?Action=GetVersion', '/ehsm?Action=Enroll', '/EHSM/?Action=Enroll']) {
    const { status, text } = await get(admin, path)
    assert.deepEqual([path, status, JSON.parse(text)], [path, 404, NOT_FOUND])
  }
  const signed = await send(admin, { path: '/ehsm?Action=ListKey', body: JSON.stringify(signedBody({ appid: 'x', apikey: 'y' }, {})) })
  assert.equal(signed.status, 404)
  assert.equal((await get(server.url.replace('0.0.0.0', '127.0.0.1'), '/metrics')).status, 404)
})

test('other paths are not found, by any method', async () => {
  await using server = await startTestServer()
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['POST', '/metrics'],
    ['DELETE', '/healthz'],
    ['GET', '/../ehsm'],
    ['GET', '//ehsm'],
    ['GET', '/%65hsm?Action=Enroll'],
  ] as const) {
    const { status, text } = await send(server.url, { method, path })
    assert.deepEqual([path, status, JSON.parse(text)], [path, 404, NOT_FOUND])
  }
})
