/** Request signatures (contract §3): the three canonical forms, the sent order of the document's samples, and what is refused. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { call, enroll, signedBody, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { JSON_TYPE, send, sendJson } from './http.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

let server: TestServer
let app: Credentials
let stamp = Date.now() - 60_000

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

/** A request whose payload is signed as exactly this text; `payload` is JSON text. */
function signedAs(payload: string, text: string, { appid, apikey } = app): string {
  const timestamp = String(++stamp)
  const sign = createHmac('sha256', apikey).update(`appid=${appid}&payload=${text}&timestamp=${timestamp}`).digest('base64')
  return `{"appid":"${appid}","payload":${payload},"timestamp":"${timestamp}","sign":"${sign}"}`
}

async function verdict(payload: string, text: string): Promise<string> {
  const { message } = await sendJson(server.url, 'ListKey', signedAs(payload, text))
  return message
}

test('payloads are signed as the contract tells', async () => {
  // [JSON, primary form, Python form, JSON form]; a form that isn't there equals the primary one.
  const cases: [string, string, string?, string?][] = [
    ['{}', ''],
    ['{"x":1}', 'x=1'],
    ['{"x":1.0}', 'x=1'],
    ['{"x":1.5}', 'x=1.5'],
    ['{"x":1e21}', 'x=1e+21'],
    ['{"x":-7}', 'x=-7'],
    ['{"b":2,"a":1,"_":3,"Z":4,"0":5,"ä":6}', '0=5&Z=4&_=3&a=1&b=2&ä=6'],
    ['{"x":" "}', 'x= '],
    ['{"x":"0"}', 'x=0'],
    ['{"x":null,"y":1}', 'y=1'],
    ['{"x":[1,2]}', 'x=0=1&1=2'],
    ['{"x":{}}', 'x='],
    ['{"x":{"b":2,"a":{"c":1}}}', 'x=a=c=1&b=2'],
    ['{"x":"a&b=c"}', 'x=a&b=c'],
    ['{"x":"grün 语言 😀"}', 'x=grün 语言 😀'],
    ['{"x":"\\u0000\\n\\"\\\\"}', 'x=\0\n"\\'],
    ['{"a":0,"b":1}', 'b=1', 'a=0&b=1', 'a=0&b=1'],
    ['{"a":"","b":1}', 'b=1', 'a=&b=1', 'a=&b=1'],
    ['{"a":false,"b":1}', 'b=1', 'a=False&b=1', 'a=false&b=1'],
    ['{"a":true,"b":1}', 'a=true&b=1', 'a=True&b=1', 'a=true&b=1'],
    ['{"a":[],"b":[""],"c":[[]],"d":1}', 'd=1', 'a=&b=0=&c=0=&d=1', 'a=&b=0=&c=0=&d=1'],
    ['{"a":[0]}', 'a=', 'a=0=0', 'a=0=0'],
    ['{"a":-0}', '', 'a=0', 'a=0'],
    ['{"a":"","b":false,"c":0,"d":true}', 'd=true', 'a=&b=False&c=0&d=True', 'a=&b=false&c=0&d=true'],
    ['[3,"x"]', '0=3&1=x'],
  ]
  for (const [payload, ...texts] of cases) {
    for (const text of texts) assert.equal(await verdict(payload, text!), 'success!', `${payload} as ${text}`)
  }
})

test('forms do not mix, and nothing else is accepted', async () => {
  const refused: [string, string][] = [
    ['{"a":"","b":false,"c":true}', 'a=&c=true'],
    ['{"a":"","b":false,"c":true}', 'a=&b=false&c=True'],
    ['{"a":0,"b":false}', 'b=false'],
    ['{"a":1,"b":2}', 'b=2&a=1'],
    ['{"a":1,"b":2}', 'a=1'],
    ['{"a":1}', 'a=1&'],
    ['{"a":"1 2"}', 'a=1+2'],
    ['{"a":"/"}', 'a=%2F'],
    ['{"a":"\\"x\\""}', 'a=x'],
    ['{"a":null}', 'a=None'],
    ['{"a":null}', 'a='],
    ['{}', '{}'],
  ]
  for (const [payload, text] of refused) assert.equal(await verdict(payload, text), 'sign error', `${payload} as ${text}`)
})

test("a flat payload may be signed in the order it was sent in, as the document's samples of Decrypt, Sign and Verify are", async () => {
  assert.equal(await verdict('{"keyid":"k","digest":"ZGlnZXN0","n":16}', 'keyid=k&digest=ZGlnZXN0&n=16'), 'success!')
  assert.equal(await verdict('{"keyid":"k","digest":"d"}', 'digest=d&keyid=k'), 'success!')
  assert.equal(await verdict('{"c":1,"a":1,"b":1}', 'b=1&c=1&a=1'), 'sign error')
  assert.equal(await verdict('{"b":1,"a":{"y":1,"x":1}}', 'b=1&a=y=1&x=1'), 'sign error')
  assert.equal(await verdict('{"b":"","a":1}', 'b=&a=1'), 'sign error')
})

test('a payload is signed as a segment of its own, and its absence as none', async () => {
  const { appid, apikey } = app
  const request = (text: (timestamp: string) => string, more: object = {}) => {
    const timestamp = String(++stamp)
    return { appid, timestamp, sign: createHmac('sha256', apikey).update(text(timestamp)).digest('base64'), ...more }
  }
  const bare = (timestamp: string) => `appid=${appid}&timestamp=${timestamp}`
  const empty = (timestamp: string) => `appid=${appid}&payload=&timestamp=${timestamp}`
  const ask = async (body: object) => (await sendJson(server.url, 'ListKey', body)).message
  assert.equal(await ask(request(bare)), 'success!')
  assert.equal(await ask(request(bare, { payload: null })), 'success!')
  assert.equal(await ask(request(empty, { payload: {} })), 'success!')
  assert.equal(await ask(request(empty)), 'sign error')
  assert.equal(await ask(request(bare, { payload: {} })), 'sign error')
  assert.equal(await ask(request((timestamp) => `appid=${appid}&nonce=n&timestamp=${timestamp}`, { nonce: 'n' })), 'success!')
  assert.equal(await ask(request(bare, { nonce: 'n' })), 'sign error')
  assert.equal(await ask(request((timestamp) => `appid=${appid}&nonce=n&timestamp=${timestamp}`)), 'sign error')
})

test('every parameter is covered: changed on the way, it is refused', async () => {
  const other = await enroll(server.url)
  const body = signedBody(app, { keyid: 'a' }, { nonce: 'nonce' })
  const changed = [
    { appid: other.appid },
    { timestamp: String(Date.now() - 12_345) },
    { nonce: 'other' },
    { nonce: undefined },
    { payload: { keyid: 'b' } },
    { payload: undefined },
    { payload: { keyid: 'a', more: 1 } },
  ]
  for (const change of changed) assert.equal((await sendJson(server.url, 'ListKey', { ...body, ...change })).message, 'sign error')
  assert.equal((await sendJson(server.url, 'ListKey', body)).message, 'success!')
})

test('what the accepted form leaves out counts as absent, so that nobody can slip it in', async () => {
  const wanted = { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY' }
  const text = 'keyspec=EH_AES_GCM_128&origin=EH_INTERNAL_KEY'
  const injected: unknown[] = [
    { expireTime: 0 },
    { alias: false },
    { alias: [] },
    { keyusage: [''] },
    { padding_mode: 0 },
    { digest_mode: [[]] },
  ]
  for (const extra of injected) {
    const body = signedAs(JSON.stringify({ ...wanted, ...(extra as object) }), text)
    assert.equal((await sendJson(server.url, 'CreateKey', body)).message, 'success!', JSON.stringify(extra))
  }
  const kept = signedAs(JSON.stringify({ expireTime: 0, ...wanted }), `expireTime=0&${text}`)
  const { message } = await sendJson(server.url, 'CreateKey', kept)
  assert.equal(message, 'Parameter invalid, The expireTime value must be greater than or equal to 1.')

  const { keyid } = await succeed(server.url, app, 'CreateKey', wanted)
  const { ciphertext } = await succeed(server.url, app, 'Encrypt', { keyid, plaintext: 'AAAA' })
  const opened = signedAs(JSON.stringify({ aad: '', ciphertext, keyid }), `ciphertext=${ciphertext}&keyid=${keyid}`)
  assert.deepEqual((await sendJson(server.url, 'Decrypt', opened)).result, { plaintext: 'AAAA' })
})

test('a signature is exact base64; other encodings and casings of it are refused', async () => {
  const change = async (edit: (sign: string) => unknown) => {
    const body = signedBody(app, undefined)
    return (await sendJson(server.url, 'ListKey', { ...body, sign: edit(body.sign as string) })).message
  }
  const toggle = (text: string) => text.replace(/[a-z]/, (letter) => letter.toUpperCase())
  const swap = (text: string) => [...text].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join('')
  assert.equal(await change((sign) => sign), 'success!')
  assert.equal(await change((sign) => sign.toUpperCase()), 'success!')
  const edits: ((sign: string) => string)[] = [
    (sign) => sign.toLowerCase(),
    swap,
    toggle,
    (sign) => sign.toUpperCase().replace(/[A-Z]/, (letter) => letter.toLowerCase()),
    (sign) => sign.slice(0, 22) + sign.slice(22).toUpperCase(),
    (sign) => sign.slice(0, -1),
    (sign) => `${sign}=`,
    (sign) => ` ${sign}`,
    (sign) => `${sign}\n`,
    (sign) => `${sign}\0`,
    (sign) => Buffer.from(sign, 'base64').toString('hex'),
    (sign) => Buffer.from(sign).toString('base64'),
    (sign) => sign.replace('=', '＝'),
    (sign) => sign.repeat(2000),
    () => ' '.repeat(44),
    () => '='.repeat(44),
    () => 'x',
  ]
  for (const edit of edits) assert.equal(await change(edit), 'sign error', String(edit))
})

test("another app's key signs for nobody else", async () => {
  const other = await enroll(server.url)
  const { message } = await sendJson(server.url, 'ListKey', signedBody({ appid: app.appid, apikey: other.apikey }, undefined))
  assert.equal(message, 'sign error')
  for (const apikey of ['', app.apikey.toLowerCase(), `${app.apikey} `]) {
    assert.equal((await sendJson(server.url, 'ListKey', signedBody({ appid: app.appid, apikey }, undefined))).message, 'sign error')
  }
})

test('an unknown app cannot sign with an empty key (weakness W1)', async () => {
  const ghost = { appid: '00000000-0000-4000-8000-000000000000', apikey: '' }
  assert.deepEqual(await sendJson(server.url, 'ListKey', signedBody(ghost, undefined)), { code: 400, message: 'sign error', result: {} })
})

test('a disabled app is told so when its signature is right, until it is enabled again', async () => {
  const disabled = await enroll(server.url)
  assert.equal((await call(server.url, disabled, 'ListKey')).code, 200)
  const { apps } = server.server.context
  await apps.update(operatorCall(), disabled.appid, { enabled: false })
  assert.deepEqual(await call(server.url, disabled, 'ListKey'), { code: 400, message: 'app is disabled', result: {} })
  assert.equal((await call(server.url, disabled, 'NoSuchAction')).message, 'app is disabled')
  assert.equal((await call(server.url, { ...disabled, apikey: 'wrong' }, 'ListKey')).message, 'sign error')
  await apps.update(operatorCall(), disabled.appid, { enabled: true })
  assert.equal((await call(server.url, disabled, 'ListKey')).code, 200)
})

test('the API key is in no answer but that of Enroll', async () => {
  const secret = await enroll(server.url)
  const { keyid } = await succeed(server.url, secret, 'CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY' })
  const bodies = [signedBody(secret, { keyid, plaintext: 'AAAA' }), signedBody(secret, {}), { ...signedBody(secret, {}), sign: 'x' }, {}]
  const texts: string[] = []
  for (const action of ['ListKey', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'NoSuchAction', 'Enroll']) {
    for (const body of bodies) {
      texts.push((await send(server.url, { path: `/ehsm?Action=${action}`, headers: JSON_TYPE, body: JSON.stringify(body) })).text)
    }
  }
  for (const path of ['/metrics', '/openapi.json', '/healthz', '/readyz', '/ehsm?Action=GetVersion']) {
    texts.push((await send(server.url, { method: 'GET', path })).text)
  }
  const encodings = [secret.apikey, Buffer.from(secret.apikey).toString('base64'), Buffer.from(secret.apikey).toString('hex')]
  for (const text of texts) for (const encoding of encodings) assert.ok(!text.includes(encoding), text)
})
