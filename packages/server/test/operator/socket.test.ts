import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { rm } from 'node:fs/promises'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'
import { openOperator } from '../../src/process/offline-operator.ts'
import { operatorSocketPath } from '../../src/operator/socket.ts'
import { collectedLog } from '../support/collected-log.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

interface Answer {
  status: number
  body: Record<string, unknown>
}

/** One request on the operator socket of a data directory. */
function ask(dataDir: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: operatorSocketPath(dataDir), method, path }, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () => resolve({ status: res.statusCode!, body: JSON.parse(text) as Record<string, unknown> }))
    })
    req.on('error', reject)
    req.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY', alias: 'payroll' }
const PLAINTEXT = Buffer.from('text').toString('base64')

test('the operator socket is for its owner alone', async () => {
  await using server = await startTestServer()
  assert.equal(statSync(operatorSocketPath(server.dataDir)).mode & 0o777, 0o600)
  assert.equal(statSync(server.dataDir).mode & 0o077, 0)
})

eachDatabase('keys: deleted ones are listed, and one is restored, disabled, at once', async (store) => {
  await using server = await startTestServer(store.location)
  const { url, dataDir } = server
  const app = await enroll(url)
  const { keyid } = await succeed(url, app, 'CreateKey', AES)
  const { ciphertext } = await succeed(url, app, 'Encrypt', { keyid, plaintext: PLAINTEXT })
  assert.deepEqual(await ask(dataDir, 'GET', '/v1/keys/deleted'), { status: 200, body: { keys: [] } })
  await succeed(url, app, 'DeleteKey', { keyid })

  for (const query of ['', `?appid=${app.appid}`]) {
    const { body } = await ask(dataDir, 'GET', `/v1/keys/deleted${query}`)
    const [listed, ...others] = body.keys as Record<string, unknown>[]
    const { deletedAt, destroyAt, ...rest } = listed!
    assert.deepEqual(rest, { keyid, appid: app.appid, keyspec: 'EH_AES_GCM_256', alias: 'payroll' })
    assert.equal((destroyAt as number) - (deletedAt as number), 7 * 24 * 60 * 60 * 1_000)
    assert.deepEqual(others, [])
  }
  const stranger = await enroll(url)
  assert.deepEqual((await ask(dataDir, 'GET', `/v1/keys/deleted?appid=${stranger.appid}`)).body, { keys: [] })
  assert.equal((await ask(dataDir, 'POST', '/v1/keys/restore', { keyid, appid: stranger.appid })).status, 400)

  const expected = { keyid, appid: app.appid, keyspec: 'EH_AES_GCM_256', alias: 'payroll', status: 'disabled' }
  assert.deepEqual(await ask(dataDir, 'POST', '/v1/keys/restore', { keyid }), { status: 200, body: expected })
  assert.equal((await call(url, app, 'Decrypt', { keyid, ciphertext })).message, 'keyid is disabled')
  await succeed(url, app, 'EnableKey', { keyid })
  assert.equal((await succeed(url, app, 'Decrypt', { keyid, ciphertext })).plaintext, PLAINTEXT)
  const again = await ask(dataDir, 'POST', '/v1/keys/restore', { keyid })
  assert.equal(again.status, 400)
  assert.match(String(again.body.error), /no such key pending deletion/)
})

eachDatabase('apps: they are listed without their keys, and settings take effect at once', async (store) => {
  await using server = await startTestServer(store.location)
  const { url, dataDir } = server
  const app = await enroll(url)
  const set = async (settings: object) => {
    assert.deepEqual(await ask(dataDir, 'POST', '/v1/apps/set', { appid: app.appid, ...settings }), {
      status: 200,
      body: { appid: app.appid, ...settings },
    })
  }
  const listed = async () => {
    const { body } = await ask(dataDir, 'GET', '/v1/apps')
    return (body.apps as Record<string, unknown>[]).map(({ createdAt: _, ...settings }) => settings)
  }
  const defaults = { appid: app.appid, enabled: true, strictSignature: false, acceptUpperCase: true }
  assert.deepEqual(await listed(), [defaults])
  assert.equal((await call(url, app, 'ListKey', undefined, { upperCase: true })).code, 200)

  await set({ acceptUpperCase: false })
  assert.equal((await call(url, app, 'ListKey', undefined, { upperCase: true })).message, 'sign error')
  await set({ strictSignature: true })
  assert.match((await call(url, app, 'ListKey')).message, /requires the X-Vouchsafe-Signature header/)
  await set({ strictSignature: false, enabled: false })
  assert.equal((await call(url, app, 'ListKey')).message, 'app is disabled')
  assert.deepEqual(await listed(), [{ ...defaults, acceptUpperCase: false, enabled: false }])
  await set({ enabled: true })
  assert.equal((await call(url, app, 'ListKey')).code, 200)
})

test('what is no operation, or no proper request, is refused in words', async () => {
  await using server = await startTestServer()
  const { dataDir } = server
  const nobody = '01234567-89ab-4def-8123-456789abcdef'
  const refusals: [string, string, unknown, number, RegExp][] = [
    ['GET', '/', undefined, 404, /no such operation: GET \//],
    ['GET', '/v1/apps/set', undefined, 404, /no such operation/],
    ['DELETE', '/v1/apps', undefined, 404, /no such operation/],
    ['POST', '/v1/apps/set', '{', 400, /not JSON, or too large/],
    ['POST', '/v1/apps/set', JSON.stringify('x'.repeat(70_000)), 400, /not JSON, or too large/],
    ['POST', '/v1/apps/set', [], 400, /must be a JSON object/],
    ['POST', '/v1/apps/set', 'null', 400, /must be a JSON object/],
    ['POST', '/v1/apps/set', undefined, 400, /appid is missing/],
    ['POST', '/v1/apps/set', { appid: 7 }, 400, /appid is not an id/],
    ['POST', '/v1/apps/set', { appid: "x' or 1=1" }, 400, /appid is not an id/],
    ['POST', '/v1/apps/set', { appid: nobody }, 400, /no setting was given/],
    ['POST', '/v1/apps/set', { appid: nobody, enabled: 'yes' }, 400, /enabled must be true or false/],
    ['POST', '/v1/apps/set', { appid: nobody, enabled: false }, 400, /there is no app/],
    ['POST', '/v1/keys/restore', {}, 400, /keyid is missing/],
    ['POST', '/v1/keys/restore', { keyid: nobody }, 400, /no such key pending deletion/],
  ]
  for (const [method, path, body, status, message] of refusals) {
    const answer = await ask(dataDir, method, path, body)
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)}`)
    assert.match(String(answer.body.error), message)
  }
})

test('what fails inside is not told, only logged', async () => {
  const { log, text } = collectedLog('error')
  const server = await startTestServer({ log })
  await server.server.context.storage[Symbol.asyncDispose]()
  const answer = await ask(server.dataDir, 'GET', '/v1/apps')
  assert.deepEqual(answer, { status: 500, body: { error: 'internal error; the server log says more' } })
  assert.match(text(), /an operator request failed/)
  // Without its store the server can't end as it should.
  await assert.rejects(async () => server[Symbol.asyncDispose](), { code: 'unavailable' })
  await rm(server.dataDir, { recursive: true, force: true })
})

function offline({ location }: TestStore) {
  return openOperator({ dataDir: location.dataDir, env: { VOUCHSAFE_DATABASE_URL: location.databaseUrl } })
}

eachDatabase('without a server the store is opened itself; while one runs, that is refused', async (store) => {
  let server = await startTestServer(store.location)
  const app: Credentials = await enroll(server.url)
  const { keyid } = await succeed(server.url, app, 'CreateKey', AES)
  await succeed(server.url, app, 'DeleteKey', { keyid })
  await assert.rejects(offline(store), { name: 'StorageError', code: 'locked' })
  await server[Symbol.asyncDispose]()
  {
    await using operator = await offline(store)
    assert.equal((await operator.request('POST', '/v1/keys/restore', { keyid })).status, 200)
    assert.equal((await operator.request('POST', '/v1/apps/set', { appid: app.appid, strictSignature: true })).status, 200)
    assert.equal((await operator.request('GET', '/v1/apps')).status, 200)
    assert.equal((await operator.request('GET', '/nothing')).status, 404)
    await assert.rejects(startTestServer(store.location), { name: 'StorageError', code: 'locked' })
    await assert.rejects(offline(store), { name: 'StorageError', code: 'locked' })
  }
  server = await startTestServer(store.location)
  assert.match((await call(server.url, app, 'ListKey')).message, /requires the X-Vouchsafe-Signature header/)
  await server.server.context.apps.update(operatorCall(), app.appid, { strictSignature: false })
  assert.equal((await succeed(server.url, app, 'DescribeKey', { keyid })).status, 'disabled')
  await server[Symbol.asyncDispose]()
})

test('the socket file of a server that was killed is replaced; that of a running one is left alone', async () => {
  await using store = await testStore('sqlite')
  const { dataDir } = store.location
  const killed = await spawnServer({ dataDir })
  await killed.stop('SIGKILL')
  assert.ok(statSync(operatorSocketPath(dataDir)).isSocket())
  {
    await using server = await startTestServer({ dataDir })
    await using second = await startTestServer({ dataDir })
    assert.equal((await ask(dataDir, 'GET', '/v1/apps')).status, 200)
    await second[Symbol.asyncDispose]()
    assert.equal((await ask(dataDir, 'GET', '/v1/apps')).status, 200, "the second server's end does not take the socket away")
    assert.ok(server.url)
  }
  assert.throws(() => statSync(operatorSocketPath(dataDir)), { code: 'ENOENT' })
})

test('a server without its operator socket still serves its clients', async () => {
  await using store = await testStore('sqlite')
  const path = operatorSocketPath(store.location.dataDir)
  const foreign = createServer().listen(path)
  await new Promise((resolve) => foreign.once('listening', resolve))
  {
    await using server = await startTestServer(store.location)
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  }
  await new Promise((resolve) => foreign.close(resolve))
  writeFileSync(path, 'no socket at all')
  await using server = await startTestServer(store.location)
  assert.equal((await ask(server.dataDir, 'GET', '/v1/apps')).status, 200)
  await rm(path, { force: true })
})
