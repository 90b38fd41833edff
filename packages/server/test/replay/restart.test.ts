import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { enroll, post, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'

const MINUTE_MS = 60_000

async function list(url: string, app: Credentials, stamp: number): Promise<{ code: number; message: string; body: object }> {
  const body = signedBody(app, undefined, { timestamp: String(stamp), nonce: null })
  return { ...(await post(url, 'ListKey', body)), body }
}

eachDatabase('stamp +9 minutes accepted, kill -9, restart, replay refused', async (store) => {
  const first = await spawnServer(store.location)
  const app = await enroll(first.url)
  const stamp = Date.now() + 9 * MINUTE_MS
  const { code, body } = await list(first.url, app, stamp)
  assert.equal(code, 200)
  await first.stop('SIGKILL')

  const second = await spawnServer(store.location)
  try {
    const replayed = await post(second.url, 'ListKey', body)
    assert.equal(replayed.code, 400)
    assert.match(replayed.message, /^Timestamp error, the server restarted/)
    // What is newer than the fence can't have been accepted before.
    assert.equal((await list(second.url, app, stamp + 2_001)).code, 200)
    assert.equal((await post(second.url, 'ListKey', body)).code, 400)
  } finally {
    await second.stop('SIGKILL')
  }
})

eachDatabase('after a clean stop the next start refuses every stamp up to the newest, and accepts the one above it', async (store) => {
  let server = await startTestServer(store.location)
  const app = await enroll(server.url)
  const other = await enroll(server.url)
  const stamp = Date.now() + MINUTE_MS
  const accepted = [await list(server.url, app, stamp), await list(server.url, app, stamp - 10), await list(server.url, other, stamp - 500)]
  assert.deepEqual(
    accepted.map(({ code }) => code),
    [200, 200, 200],
  )
  await server[Symbol.asyncDispose]()

  server = await startTestServer(store.location)
  for (const { body } of accepted) assert.equal((await post(server.url, 'ListKey', body)).code, 400)
  assert.equal((await list(server.url, app, stamp - 5)).code, 400)
  assert.equal((await list(server.url, app, stamp + 1)).code, 200)
  assert.equal((await list(server.url, other, stamp - 499)).code, 200)
  await server[Symbol.asyncDispose]()
})
