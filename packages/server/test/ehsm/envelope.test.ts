/** The endpoint and its envelope (contract §1). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { enroll, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { envelopeOf, JSON_TYPE, listKeyText, send, sendJson } from './http.ts'

let server: TestServer
let app: Credentials

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

test('the path takes any case and a slash at its end', async () => {
  for (const path of ['/ehsm', '/ehsm/', '/EHSM', '/eHsM/']) {
    const body = listKeyText(app)
    const { code, message } = envelopeOf(await send(server.url, { path: `${path}?Action=ListKey`, headers: JSON_TYPE, body }))
    assert.deepEqual({ path, code, message }, { path, code: 200, message: 'success!' })
  }
  for (const path of ['/ehsm//', '/ehsmx', '/x/ehsm', '/ehsm/x']) {
    const { status, text } = await send(server.url, { path: `${path}?Action=ListKey`, headers: JSON_TYPE, body: listKeyText(app) })
    assert.deepEqual({ path, status, ...JSON.parse(text) }, { path, status: 404, code: 404, message: 'Not Found', result: {} })
  }
})

test('a path without a query is an unknown action', async () => {
  const { code, message } = envelopeOf(await send(server.url, { path: '/ehsm', headers: JSON_TYPE, body: listKeyText(app) }))
  assert.deepEqual({ code, message }, { code: 404, message: 'API Not Found' })
})

test('actions are case-sensitive, and one of them must be named exactly once', async () => {
  const unknown = [
    'Action=listkey',
    'action=ListKey',
    'Action=',
    'Action=ListKey&Action=ListKey',
    'Action=ListKey&Action=Encrypt',
    'Action=toString',
  ]
  for (const query of unknown) {
    const { code, message } = envelopeOf(await send(server.url, { path: `/ehsm?${query}`, headers: JSON_TYPE, body: listKeyText(app) }))
    assert.deepEqual({ query, code, message }, { query, code: 404, message: 'API Not Found' })
  }
  for (const query of ['Action=List%4Bey', 'x=1&Action=ListKey&y=2']) {
    const { code } = envelopeOf(await send(server.url, { path: `/ehsm?${query}`, headers: JSON_TYPE, body: listKeyText(app) }))
    assert.deepEqual({ query, code }, { query, code: 200 })
  }
})

test('GET serves GetVersion and Enroll; other actions are an empty request', async () => {
  for (const action of ['GetVersion', 'Enroll']) {
    assert.equal(envelopeOf(await send(server.url, { method: 'GET', path: `/ehsm/?Action=${action}` })).code, 200)
  }
  for (const action of ['ListKey', 'CreateKey', 'Nothing', '']) {
    const { code, message } = envelopeOf(await send(server.url, { method: 'GET', path: `/ehsm?Action=${action}` }))
    assert.deepEqual({ action, code, message }, { action, code: 400, message: 'Missing required parameters' })
  }
})

test('POST of GetVersion and Enroll is not found, signed or not', async () => {
  for (const action of ['GetVersion', 'Enroll']) {
    for (const body of ['{}', listKeyText(app), 'not json']) {
      const { code, message, result } = await sendJson(server.url, action, body)
      assert.deepEqual({ code, message, result }, { code: 404, message: 'API Not Found', result: {} })
    }
  }
})

test('other methods are not found', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
    const { code, message } = envelopeOf(
      await send(server.url, { method, path: '/ehsm?Action=ListKey', headers: JSON_TYPE, body: listKeyText(app) }),
    )
    assert.deepEqual({ method, code, message }, { method, code: 404, message: 'API Not Found' })
  }
  const head = await send(server.url, { method: 'HEAD', path: '/ehsm?Action=GetVersion' })
  assert.deepEqual([head.status, head.text], [200, ''])
})

test('answers are not to be cached', async () => {
  const { headers } = await send(server.url, { path: '/ehsm?Action=ListKey', headers: JSON_TYPE, body: listKeyText(app) })
  assert.equal(headers['cache-control'], 'no-store')
})

test('a request id is echoed when it is well-formed, else a new one is given', async () => {
  const ask = async (id?: string) => {
    const headers = { ...JSON_TYPE, ...(id === undefined ? {} : { 'x-request-id': id }) }
    return (await send(server.url, { path: '/ehsm?Action=ListKey', headers, body: listKeyText(app) })).headers['x-request-id'] as string
  }
  assert.equal(await ask('Trace_1.a-b'), 'Trace_1.a-b')
  assert.equal(await ask('x'.repeat(64)), 'x'.repeat(64))
  const given = [await ask(), await ask(), await ask('x'.repeat(65)), await ask('with blank'), await ask('<script>')]
  assert.equal(new Set(given).size, 5)
  for (const id of given) assert.match(id, /^[0-9a-f]{8}-[0-9a-z]+$/)
})

test('a probe of / is answered as an empty request', async () => {
  const { status, text } = await send(server.url, { method: 'GET', path: '/' })
  assert.deepEqual([status, JSON.parse(text)], [200, { code: 400, message: 'Missing required parameters', result: {} }])
})

test('fields beside the known ones are ignored', async () => {
  const body = { ...signedBody(app, undefined), extra: { deep: [1] }, constructor: 1, toString: null, Action: 'DeleteALLKey' }
  assert.equal((await sendJson(server.url, 'ListKey', body)).code, 200)
})
