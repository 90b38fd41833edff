/** What a request's body may be: malformed, untyped, oversize, nested, with special keys (contract §1). */
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, before, test } from 'node:test'
import { call, enroll, signedBody, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { envelopeOf, exchange, JSON_TYPE, listKeyText, send, sendJson } from './http.ts'

const LIMIT = 102_400
const MIB = 1024 * 1024
const MISSING = { code: 400, message: 'Missing required parameters', result: {} }
const INVALID = { code: 400, message: 'Invalid JSON', result: {} }
const TOO_LARGE = { code: 400, message: 'The request body is too large.', result: {} }
const PATH = '/ehsm?Action=ListKey'

let server: TestServer
let app: Credentials

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

test('malformed JSON is named, and the connection kept', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const broken = ['{', '{"a":1,}', "{'a':1}", 'undefined', '{"a":1}{', '\ufeff{}', '{"a":"\n"}', '{"appid":\ud800}', '\0', 'NaN', '"\\ud8"']
  for (const body of broken) {
    assert.deepEqual(envelopeOf(await send(server.url, { path: PATH, headers: JSON_TYPE, body, agent })), INVALID, JSON.stringify(body))
  }
  const last = await send(server.url, { path: PATH, headers: JSON_TYPE, body: listKeyText(app), agent })
  assert.deepEqual([envelopeOf(last).code, last.reused], [200, true])
  agent.destroy()
})

test('JSON that is no object is refused; an array is an object without parameters', async () => {
  for (const body of ['1', '"text"', 'null', 'true', '-0.5e3']) assert.deepEqual(await sendJson(server.url, 'ListKey', body), INVALID, body)
  for (const body of ['[]', '[1,{"appid":"x"}]', '{}']) assert.deepEqual(await sendJson(server.url, 'ListKey', body), MISSING, body)
})

test('bytes that are not UTF-8 cannot be part of what was signed', async () => {
  const text = Buffer.from(JSON.stringify(signedBody(app, { alias: 'grün' })), 'latin1')
  assert.equal(envelopeOf(await send(server.url, { path: PATH, headers: JSON_TYPE, body: text })).message, 'sign error')
})

test('JSON is read without a content type and as text/plain; other types count as an empty body', async () => {
  const read = [
    undefined,
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/json;charset=UTF-8; x=y',
    'application/cloudevents+json',
    'text/plain',
    'text/plain; charset=utf-8',
    '',
    ';',
  ]
  for (const type of read) {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
    assert.equal(envelopeOf(await send(server.url, { path: PATH, headers, body: listKeyText(app) })).code, 200, String(type))
  }
  for (const type of [
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'json',
    'application/jsonp',
  ]) {
    const answer = envelopeOf(await send(server.url, { path: PATH, headers: { 'content-type': type }, body: listKeyText(app) }))
    assert.deepEqual(answer, MISSING, type)
  }
})

test('text that is not JSON counts as an empty body unless it was declared as JSON', async () => {
  assert.deepEqual(envelopeOf(await send(server.url, { path: PATH, body: 'appid=x' })), MISSING)
  assert.deepEqual(envelopeOf(await send(server.url, { path: PATH, headers: { 'content-type': 'text/plain' }, body: '{' })), MISSING)
})

test('an empty body has no parameters', async () => {
  assert.deepEqual(envelopeOf(await send(server.url, { path: PATH, headers: JSON_TYPE, body: '' })), MISSING)
  assert.deepEqual(envelopeOf(await send(server.url, { path: PATH, headers: { ...JSON_TYPE, 'content-length': '0' } })), MISSING)
})

test('a body of exactly the limit is read, one byte more is too large', async () => {
  const text = listKeyText(app)
  assert.equal((await sendJson(server.url, 'ListKey', text.padEnd(LIMIT))).code, 200)
  assert.deepEqual(await sendJson(server.url, 'ListKey', listKeyText(app).padEnd(LIMIT + 1)), TOO_LARGE)
})

test('after a body of up to 1 MiB too much the connection serves on, announced or chunked', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const big = 'x'.repeat(LIMIT + MIB)
  const announced = await send(server.url, { path: PATH, headers: JSON_TYPE, body: big, agent })
  assert.deepEqual(envelopeOf(announced), TOO_LARGE)
  const chunks = Array.from({ length: 11 }, () => 'x'.repeat(LIMIT))
  const chunked = await send(server.url, { path: PATH, headers: JSON_TYPE, chunks, agent })
  assert.deepEqual([envelopeOf(chunked), chunked.reused], [TOO_LARGE, true])
  const next = await send(server.url, { path: PATH, headers: JSON_TYPE, body: listKeyText(app), agent })
  assert.deepEqual([envelopeOf(next).code, next.reused], [200, true])
  agent.destroy()
})

test('a body announced as larger is refused unread and the connection closed', async () => {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${LIMIT + MIB + 1}\r\n\r\n`
  const text = await exchange(server.url, head)
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.match(text, /\r\nconnection: close\r\n/i)
  assert.ok(text.endsWith(JSON.stringify(TOO_LARGE)))
})

test('a chunked body is cut off once it is larger, without its end', async () => {
  const chunk = `${MIB.toString(16)}\r\n${'x'.repeat(MIB)}\r\n`
  const rest = `${(LIMIT + 1).toString(16)}\r\n${'x'.repeat(LIMIT + 1)}\r\n`
  const text = await exchange(
    server.url,
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${rest}`,
  )
  assert.ok(text.endsWith(JSON.stringify(TOO_LARGE)), text)
})

test('a body may come in chunks without its length', async () => {
  const text = Buffer.from(listKeyText(app))
  const chunks = [...text].map((byte) => Buffer.of(byte))
  assert.equal(envelopeOf(await send(server.url, { path: PATH, headers: JSON_TYPE, chunks })).code, 200)
})

test('50,000 levels of nesting are refused in the payload and passed over elsewhere', async () => {
  const nested = '['.repeat(50_000) + ']'.repeat(50_000)
  const objects = '{"a":'.repeat(16_000) + '1' + '}'.repeat(16_000)
  assert.deepEqual(await sendJson(server.url, 'ListKey', nested), MISSING)
  const body = listKeyText(app)
  for (const deep of [nested, objects]) {
    const withPayload = `{"payload":${deep},${body.slice(1)}`
    const { code, message } = await sendJson(server.url, 'ListKey', withPayload)
    assert.deepEqual({ code, message }, { code: 400, message: 'param type error, the payload is nested deeper than 32 levels' })
  }
  assert.equal((await sendJson(server.url, 'ListKey', `{"extra":${nested},${body.slice(1)}`)).code, 200)
})

test('nesting is signed down to 32 levels and refused from there', async () => {
  const nest = (levels: number): object => (levels === 1 ? { x: 1 } : { x: nest(levels - 1) })
  assert.equal((await call(server.url, app, 'ListKey', nest(32))).code, 200)
  const unsigned = { ...signedBody(app, {}), payload: nest(33) }
  assert.equal((await sendJson(server.url, 'ListKey', unsigned)).message, 'param type error, the payload is nested deeper than 32 levels')
})

test('a payload of too many values is refused', async () => {
  const payload = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`k${i}`, 1]))
  const { code, message } = await sendJson(server.url, 'ListKey', { ...signedBody(app, {}), payload })
  assert.deepEqual({ code, message }, { code: 400, message: 'param type error, the payload has more than 1024 values' })
})

test('__proto__ is refused as a parameter and anywhere in the payload, and changes nothing', async () => {
  const body = listKeyText(app).slice(1)
  const refused = [
    [`{"__proto__":{"payload":{}},${body}`, 'param type error'],
    [`{"payload":{"__proto__":{"keyid":"x"}},${body}`, 'param type error, the payload has a key named __proto__'],
    [`{"payload":{"a":{"__proto__":1}},${body}`, 'param type error, the payload has a key named __proto__'],
    [`{"payload":[{"__proto__":1}],${body}`, 'param type error, the payload has a key named __proto__'],
  ]
  for (const [text, expected] of refused) {
    const { code, message } = await sendJson(server.url, 'ListKey', text)
    assert.deepEqual({ text, code, message }, { text, code: 400, message: expected })
  }
  assert.equal((await sendJson(server.url, 'ListKey', `{"extra":{"__proto__":{"sign":"x"}},${body}`)).code, 200)
  assert.equal(Object.hasOwn(Object.prototype, 'keyid'), false)
})

test('names of Object.prototype are neither parameters nor apps nor fields', async () => {
  for (const appid of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const { code, message } = await sendJson(server.url, 'ListKey', signedBody({ appid, apikey: app.apikey }, undefined))
    assert.deepEqual({ appid, code, message }, { appid, code: 400, message: 'sign error' })
  }
  for (const name of ['constructor', 'toString', 'valueOf']) {
    const { code, message } = await call(server.url, app, 'CreateKey', { keyspec: name, origin: name, [name]: 'x' })
    assert.deepEqual({ code, message }, { code: 400, message: 'Parameter invalid, The keyspec type is incorrect.' })
  }
  // A value with a toString of its own is never asked for its text.
  const { code } = await sendJson(server.url, 'ListKey', { ...signedBody(app, {}), payload: { toString: 1, valueOf: 1 } })
  assert.equal(code, 400)
})

test('of duplicate keys the last wins, in what is parsed as in what is signed', async () => {
  const { keyid } = await succeed(server.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY' })
  const body = JSON.stringify(signedBody(app, { keyid }))
  const other = '00000000-0000-0000-0000-000000000000'
  const lastGood = body.replace('"payload":{', `"payload":{"keyid":"${other}",`).replace('{', '{"appid":"nobody","sign":"x",')
  const { code, result } = await sendJson(server.url, 'DescribeKey', lastGood)
  assert.deepEqual([code, result.keyid], [200, keyid])
  const lastBad = JSON.stringify(signedBody(app, { keyid })).replace(`"keyid":"${keyid}"`, `"keyid":"${keyid}","keyid":"${other}"`)
  assert.equal((await sendJson(server.url, 'DescribeKey', lastBad)).message, 'sign error')
})
