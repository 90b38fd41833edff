/** The order of checks: shape, timestamp, signature, replay, payload, action. Each answer hides everything behind it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hmacBase64, requestData } from '@vouchsafe/client'
import { enroll, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { sendJson } from './http.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

/** The clock stands still, so that the edges of the window are exact. */
const NOW = 1_780_000_000_000
const MINUTE = 60_000
const NOBODY = '00000000-0000-4000-8000-000000000000'
const SIGN = 'A'.repeat(43) + '='

let server: TestServer
let app: Credentials
let nonces = 0

before(async () => {
  server = await startTestServer({ runtime: { ...systemRuntime, now: () => NOW } })
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

function signed(payload: object | undefined, stamp = NOW, nonce: string | null = `n${++nonces}`) {
  return signedBody(app, payload, { timestamp: String(stamp), nonce })
}

async function refusal(action: string, body: unknown): Promise<string> {
  const { code, message, result } = await sendJson(server.url, action, body)
  assert.deepEqual(result, {})
  return `${code} ${message}`
}

test('the first check that fails gives the answer, whatever else is wrong', async () => {
  const badPayload = { keyid: 'short' }
  const seen = signed(badPayload)
  await sendJson(server.url, 'DescribeKey', seen)
  const { nonce } = seen
  const wrongInAll = { appid: 5, timestamp: 'short', nonce: 'n'.repeat(65), payload: badPayload }
  const later = { appid: app.appid, sign: SIGN, payload: badPayload }
  const stages: [unknown, string][] = [
    ['{"appid":5', '400 Invalid JSON'],
    [wrongInAll, '400 Missing required parameters'],
    [{ ...wrongInAll, sign: SIGN }, '400 param type error'],
    [{ ...later, nonce: 'n'.repeat(65), timestamp: 'short' }, '400 Nonce length error'],
    [{ ...later, nonce, timestamp: 'short' }, '400 Timestamp length error'],
    [{ ...later, nonce, timestamp: String(NOW + 11 * MINUTE) }, '400 Timestamp error'],
    [{ ...later, nonce, timestamp: String(NOW) }, '400 sign error'],
    [seen, "400 Timestamp can't be repeated in 20 minutes"],
    [signed(badPayload), '400 Parameter invalid, The keyid length error.'],
  ]
  for (const [body, expected] of stages) assert.equal(await refusal('DescribeKey', body), expected)
  const unknown = signed(badPayload)
  assert.equal(await refusal('NoSuchAction', { ...unknown, sign: SIGN }), '400 sign error')
  assert.equal(await refusal('NoSuchAction', unknown), '404 API Not Found')
  assert.equal(await refusal('NoSuchAction', unknown), "400 Timestamp can't be repeated in 20 minutes")
})

test('appid, timestamp and sign are required, and so is the payload where the action needs one', async () => {
  const body = signed(undefined)
  for (const name of ['appid', 'timestamp', 'sign']) {
    for (const value of [undefined, null, '', 0, false]) {
      assert.equal(await refusal('ListKey', { ...body, [name]: value }), '400 Missing required parameters')
    }
  }
  for (const { name, method, payloadRequired } of OPERATIONS) {
    if (method === 'GET') continue
    const without = { ...signed(undefined), sign: SIGN }
    const expected = payloadRequired ? '400 Missing required parameters' : '400 sign error'
    for (const payload of [undefined, null, '', 0, false]) assert.equal(await refusal(name, { ...without, payload }), expected, name)
  }
})

test('parameters of the wrong type are refused', async () => {
  const body = signed({})
  for (const name of ['appid', 'timestamp', 'sign']) {
    for (const value of [1, true, {}, ['x'], NOW])
      assert.equal(await refusal('ListKey', { ...body, [name]: value }), '400 param type error')
  }
  for (const payload of [1, true, 'keyid=x']) assert.equal(await refusal('ListKey', { ...body, payload }), '400 param type error')
  for (const nonce of [true, {}, []]) assert.equal(await refusal('ListKey', { ...body, nonce }), '400 param type error')
})

test('a payload may be an array, which has no fields', async () => {
  assert.equal((await sendJson(server.url, 'ListKey', signed([]))).code, 200)
  assert.equal((await sendJson(server.url, 'ListKey', signed([1, 'two']))).code, 200)
  assert.equal(await refusal('DescribeKey', signed(['keyid'])), '400 Missing required parameters, The keyid cannot be empty.')
})

test('a timestamp is 13 digits, at most 30 minutes old and 10 minutes ahead', async () => {
  for (const timestamp of ['178000000000', '17800000000000', ' 1780000000000', '1']) {
    assert.equal(await refusal('ListKey', { ...signed(undefined), timestamp }), '400 Timestamp length error', timestamp)
  }
  for (const timestamp of [
    '178000000000a',
    '+178000000000',
    ' 178000000000',
    '1.78000000000',
    '0x19E6F1B8000',
    '-178000000000',
    '1780000000e03',
    '１７８００００００００００',
  ]) {
    assert.equal(await refusal('ListKey', { ...signed(undefined), timestamp }), '400 Timestamp error', timestamp)
  }
  for (const stamp of [NOW - 30 * MINUTE - 1, NOW + 10 * MINUTE + 1, NOW + 22 * MINUTE]) {
    assert.equal(await refusal('ListKey', signed(undefined, stamp)), '400 Timestamp error')
  }
  for (const stamp of [NOW - 30 * MINUTE, NOW - 1, NOW + 10 * MINUTE]) {
    assert.equal((await sendJson(server.url, 'ListKey', signed(undefined, stamp))).code, 200)
  }
})

test('a nonce has at most 64 characters; a number counts as its text, an empty one as none', async () => {
  const withNonce = (nonce: unknown, text: string | undefined, timestamp = String(NOW - 5)) => {
    const fields = { appid: app.appid, timestamp, ...(text === undefined ? {} : { nonce: text }) }
    return { appid: app.appid, timestamp, nonce, sign: hmacBase64(app.apikey, requestData(fields, undefined)) }
  }
  assert.equal((await sendJson(server.url, 'ListKey', withNonce('x'.repeat(64), 'x'.repeat(64)))).code, 200)
  assert.equal((await sendJson(server.url, 'ListKey', withNonce('nön\0ce=\n😀', 'nön\0ce=\n😀'))).code, 200)
  assert.equal(await refusal('ListKey', withNonce('x'.repeat(65), 'x'.repeat(65))), '400 Nonce length error')
  assert.equal((await sendJson(server.url, 'ListKey', withNonce(16, '16'))).code, 200)
  assert.equal(await refusal('ListKey', withNonce('16', '16')), "400 Timestamp can't be repeated in 20 minutes")
  for (const [i, none] of [null, '', 0].entries()) {
    assert.equal((await sendJson(server.url, 'ListKey', withNonce(none, undefined, String(NOW - 100 - i)))).code, 200)
  }
})

test('a nonce cannot swallow the payload: the same signature never stands for two requests', async () => {
  const body = signed({}, NOW - 2000, 'N')
  assert.equal((await sendJson(server.url, 'ListKey', body)).code, 200)
  const { payload: _, ...rest } = body as Record<string, unknown>
  assert.equal(await refusal('ListKey', { ...rest, nonce: 'N&payload=' }), '400 param type error')
  assert.equal(await refusal('DeleteALLKey', { ...rest, nonce: 'N&payload=' }), '400 param type error')
})

test('a request is used up, not its timestamp: another one of the same millisecond is accepted, with a nonce or without', async () => {
  const repeated = "400 Timestamp can't be repeated in 20 minutes"
  const stamp = NOW - 1000
  for (const nonce of [null, 'a', 'b']) {
    const body = signed(undefined, stamp, nonce)
    assert.equal((await sendJson(server.url, 'ListKey', body)).code, 200)
    assert.equal(await refusal('ListKey', body), repeated)
    assert.equal(await refusal('DeleteALLKey', body), repeated, 'the action is not signed')
    assert.equal(await refusal('ListKey', { ...body, sign: (body as { sign: string }).sign.toUpperCase() }), repeated, 'the same MAC')
    assert.equal(await refusal('ListKey', { ...body, payload: null }), repeated, 'the same signed text')
    const another = signed({ some: 'payload' }, stamp, nonce)
    assert.equal((await sendJson(server.url, 'ListKey', another)).code, 200)
    assert.equal(await refusal('ListKey', another), repeated)
  }
})

test("a wrong signature doesn't use up a timestamp, a wrong payload does", async () => {
  const body = signed(undefined, NOW - 2000, null)
  assert.equal(await refusal('ListKey', { ...body, sign: SIGN }), '400 sign error')
  assert.equal((await sendJson(server.url, 'ListKey', body)).code, 200)
  const wrong = signed({ keyid: 'short' }, NOW - 3000, null)
  await refusal('DescribeKey', wrong)
  assert.equal(await refusal('DescribeKey', wrong), "400 Timestamp can't be repeated in 20 minutes")
})

test('payload errors are shown to nobody whose signature is wrong', async () => {
  for (const { name, method } of OPERATIONS) {
    if (method === 'GET') continue
    for (const payload of [{}, { keyid: 5 }, { keyspec: 'x', keyid: 'y' }]) {
      assert.equal(await refusal(name, { ...signed(payload), sign: SIGN }), '400 sign error')
      assert.equal(
        await refusal(name, signedBody({ appid: NOBODY, apikey: app.apikey }, payload, { timestamp: String(NOW) })),
        '400 sign error',
      )
    }
  }
})

/** How often each storage operation ran during some work; what runs in the background is left out. */
async function storageWork(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts = async () => {
    const metric = await server.server.context.metrics.registry.getSingleMetric('vouchsafe_storage_seconds')!.get()
    const samples = metric.values as unknown as { metricName: string; labels: { operation: string }; value: number }[]
    return new Map(samples.filter(({ metricName }) => metricName.endsWith('_count')).map(({ labels, value }) => [labels.operation, value]))
  }
  const before = await counts()
  await work()
  const ran = [...(await counts())].map(([name, count]): [string, number] => [name, count - (before.get(name) ?? 0)])
  return Object.fromEntries(ran.filter(([name, count]) => count > 0 && /^(find|get|insert)/.test(name)))
}

test('an unknown appid is a wrong signature, and as much work', async () => {
  const disabled = await enroll(server.url)
  await server.server.context.apps.update(operatorCall(), disabled.appid, { enabled: false })
  const wrong = (appid: string) => async () => {
    const body = signedBody({ appid, apikey: 'not-the-key' }, {}, { timestamp: String(NOW) })
    assert.deepEqual(await sendJson(server.url, 'ListKey', body), { code: 400, message: 'sign error', result: {} })
  }
  await sendJson(server.url, 'ListKey', signed(undefined))
  const known = await storageWork(wrong(app.appid))
  assert.deepEqual(known, { findApp: 1 })
  const others = [NOBODY, 'x', '__proto__', app.appid.toUpperCase(), 'x'.repeat(10_000), 'nul\0', disabled.appid]
  for (const appid of others) assert.deepEqual(await storageWork(wrong(appid)), known, appid)
})
