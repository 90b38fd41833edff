/** Signatures in upper case, as the document's samples send them: counted and logged, and refused where that is wished. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { upperCaseLog } from '../../src/ehsm/upper-case-log.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'

async function upperCaseCount(server: TestServer): Promise<number> {
  const metric = await server.server.context.metrics.registry.getSingleMetric('vouchsafe_upper_case_signatures_total')!.get()
  assert.equal(metric.values.length, 1)
  return metric.values[0]!.value
}

test('an upper-case signature is accepted and counted', async () => {
  await using server = await startTestServer()
  const [app, other] = [await enroll(server.url), await enroll(server.url)]
  for (let i = 0; i < 3; i++) assert.equal((await call(server.url, app, 'ListKey', {}, { upperCase: true })).code, 200)
  assert.equal((await call(server.url, other, 'ListKey', {})).code, 200)
  assert.equal((await call(server.url, { ...other, apikey: 'wrong' }, 'ListKey', {}, { upperCase: true })).code, 400)
  assert.equal(await upperCaseCount(server), 3)
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
  assert.equal(await upperCaseCount(server), 1, 'that of the other app only')
})

test('with --upper-case-signatures false all apps are', async () => {
  await using server = await startTestServer({ flags: ['--upper-case-signatures', 'false'] })
  const app = await enroll(server.url)
  assert.equal((await call(server.url, app, 'ListKey', {}, { upperCase: true })).message, 'sign error')
  assert.equal((await call(server.url, app, 'ListKey', {})).code, 200)
})

test('the log names an app that signs in upper case once an hour', () => {
  const { log, text } = collectedLog('info')
  const runtime = pinnedRuntime()
  const note = upperCaseLog(log, runtime)
  const times = (app: string) => text().split(`"app":"${app}"`).length - 1
  for (const app of ['a', 'a', 'b', 'a']) note(app)
  assert.deepEqual([times('a'), times('b')], [1, 1])
  runtime.advance(60 * 60_000)
  note('a')
  assert.deepEqual([times('a'), times('b')], [2, 1])
})
