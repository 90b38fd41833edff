/** The strict header covers what the wire's signature leaves open: method, action and the exact body. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { enroll, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { envelopeOf, JSON_TYPE, send } from './http.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

let server: TestServer
let app: Credentials

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

function strict(body: string, { action = 'ListKey', method = 'POST', apikey = app.apikey } = {}): string {
  return createHmac('sha256', apikey).update(`vouchsafe-request-v1\n${method}\n${action}\n${body}`).digest('base64')
}

async function verdict(body: string, header: string | string[] | undefined, action = 'ListKey'): Promise<string> {
  const headers = { ...JSON_TYPE, ...(header === undefined ? {} : { 'x-vouchsafe-signature': header }) }
  return envelopeOf(await send(server.url, { path: `/ehsm?Action=${action}`, headers, body })).message
}

const newBody = () => JSON.stringify(signedBody(app, {}))

/** What must be refused whether or not the app requires the header. */
async function assertVerified(): Promise<void> {
  let body = newBody()
  assert.equal(await verdict(body, strict(body)), 'success!')
  const wrong: ((body: string) => string | string[])[] = [
    (body) => strict(body, { action: 'DeleteALLKey' }),
    (body) => strict(body, { method: 'GET' }),
    (body) => strict(body, { apikey: 'other' }),
    (body) => strict(`${body} `),
    (body) => strict(body).toUpperCase(),
    (body) => strict(body).slice(0, 43),
    (body) => [strict(body), strict(body)],
    () => 'x',
    () => '',
  ]
  for (const header of wrong) {
    body = newBody()
    assert.equal(await verdict(body, header(body)), 'sign error', String(header))
  }
  body = newBody()
  const altered = body.replace('{', '{"extra":1,')
  assert.equal(await verdict(altered, strict(body)), 'sign error')
  assert.equal(await verdict(body, strict(body), 'DeleteAllKey'), 'sign error')
  const unsigned = JSON.stringify({ ...signedBody(app, {}), sign: `${'A'.repeat(43)}=` })
  assert.equal(await verdict(unsigned, strict(unsigned)), 'sign error')
}

test('the strict header is verified when it is sent', async () => {
  await assertVerified()
  assert.equal(await verdict(newBody(), undefined), 'success!')
})

test('an app can require it', async () => {
  await server.server.context.apps.update(operatorCall(), app.appid, { strictSignature: true })
  await assertVerified()
  assert.equal(await verdict(newBody(), undefined), 'sign error, this app requires the X-Vouchsafe-Signature header.')
  const forged = JSON.stringify({ ...signedBody(app, {}), sign: `${'A'.repeat(43)}=` })
  assert.equal(await verdict(forged, undefined), 'sign error')
  const free = await enroll(server.url)
  assert.equal(await verdict(JSON.stringify(signedBody(free, {})), undefined), 'success!')
})
