/** Signatures in upper case, as the document's samples send them: counted for each app, and refused where that is wished. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { operatorCall } from '@vouchsafe/testkit/callers'

async function upperCaseCount(server: TestServer, appid: string): Promise<number> {
  const metric = await server.server.context.metrics.registry.getSingleMetric('vouchsafe_upper_case_signatures_total')!.get()
  return metric.values.find(({ labels }) => (labels as { appid: string }).appid === appid)?.value ?? 0
}

test('an upper-case signature is accepted and counted for its app', async () => {
  await using server = await startTestServer()
  const [app, other] = [await enroll(server.url), await enroll(server.url)]
  for (let i = 0; i < 3; i++) assert.equal((await call(server.url, app, 'ListKey', {}, { upperCase: true })).code, 200)
  assert.equal((await call(server.url, other, 'ListKey', {})).code, 200)
  assert.equal((await call(server.url, { ...other, apikey: 'wrong' }, 'ListKey', {}, { upperCase: true })).code, 400)
  assert.deepEqual([await upperCaseCount(server, app.appid), await upperCaseCount(server, other.appid)], [3, 0])
})

test('an upper-case signature works with every canonical form', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  for (const form of ['drop-empty', 'keep-python', 'keep-json'] as const) {
    assert.equal((await call(server.url, app, 'ListKey', { a: '', b: true, c: 0 }, { upperCase: true, form })).code, 200)
  }
})

test('one app can be held to exact signatures', async () => {
  await using server = await startTestServer()
  const [app, other] = [await enroll(server.url), await enroll(server.url)]
  await server.server.context.apps.update(operatorCall(), app.appid, { acceptUpperCase: false })
  assert.equal((await call(server.url, app, 'ListKey', {}, { upperCase: true })).message, 'sign error')
  assert.equal((await call(server.url, app, 'ListKey', {})).code, 200)
  assert.equal((await call(server.url, other, 'ListKey', {}, { upperCase: true })).code, 200)
  assert.equal(await upperCaseCount(server, app.appid), 0)
})

test('with --upper-case-signatures false all apps are', async () => {
  await using server = await startTestServer({ flags: ['--upper-case-signatures', 'false'] })
  const app = await enroll(server.url)
  assert.equal((await call(server.url, app, 'ListKey', {}, { upperCase: true })).message, 'sign error')
  assert.equal((await call(server.url, app, 'ListKey', {})).code, 200)
})
