import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { VouchsafeClient } from '@vouchsafe/client'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { enroll, post, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'

const MINUTE_MS = 60_000

async function list(url: string, app: Credentials, stamp: number): Promise<{ code: number; message: string; body: object }> {
  const body = signedBody(app, undefined, { timestamp: String(stamp), nonce: null })
  return { ...(await post(url, 'ListKey', body)), body }
}

const REPEATED = "Timestamp can't be repeated in 20 minutes"

eachDatabase('stamp +9 minutes accepted, kill -9, restart, replay refused, and nobody locked out', async (store) => {
  await using first = killed(await spawnServer(store.location))
  const app = await enroll(first.url)
  const stamp = Date.now() + 9 * MINUTE_MS
  const { code, body } = await list(first.url, app, stamp)
  assert.equal(code, 200)
  const now = await list(first.url, app, Date.now())
  assert.equal(now.code, 200)
  await first.stop('SIGKILL')

  await using second = killed(await spawnServer(store.location))
  assert.equal((await post(second.url, 'ListKey', body)).message, REPEATED)
  assert.match((await post(second.url, 'ListKey', now.body)).message, /^Timestamp error, the server restarted/)
  // The fence lies two seconds ahead of the killed server's clock, wherever the fast client's is.
  await sleep(2_000)
  assert.equal((await list(second.url, app, Date.now())).code, 200)
  assert.equal((await list(second.url, app, stamp - 1)).code, 200)
  assert.equal((await list(second.url, app, stamp + 1)).code, 200)
  assert.equal((await post(second.url, 'ListKey', body)).message, REPEATED)
})

eachDatabase('after a clean stop the next start refuses what was accepted, and nothing else', async (store) => {
  const stamp = Date.now()
  const ages = [-9 * MINUTE_MS, 0, 10, 29 * MINUTE_MS]
  let app!: Credentials
  let other!: Credentials
  const accepted: object[] = []
  {
    await using server = await startTestServer(store.location)
    app = await enroll(server.url)
    other = await enroll(server.url)
    for (const each of [app, other]) {
      for (const age of ages) {
        const { code, body } = await list(server.url, each, stamp - age)
        assert.equal(code, 200)
        accepted.push(body)
      }
    }
  }
  for (const start of [1, 2]) {
    await using server = await startTestServer(store.location)
    for (const body of accepted) assert.equal((await post(server.url, 'ListKey', body)).message, REPEATED)
    for (const each of [app, other]) {
      for (const age of ages) {
        const { code, body } = await list(server.url, each, stamp - age - start)
        assert.equal(code, 200)
        accepted.push(body)
      }
    }
  }
})

eachDatabase('our own client works through clean stops and kills, whatever its clock says within the window', async (store) => {
  // One with the right time among them, so that the fence is at the server's time.
  const skews = [0, -9.9, 9.9, -5, 5, -0.01, 0.01].map((minutes) => minutes * MINUTE_MS)
  let app: Credentials | undefined
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    await using server = killed(await spawnServer(store.location))
    const credentials = (app ??= await enroll(server.url))
    const clients = skews.map((skew) => new VouchsafeClient({ baseUrl: server.url, ...credentials, now: () => Date.now() + skew }))
    for (let i = 0; i < 2; i++) for (const client of clients) await client.listKeys()
    await server.stop(signal)
  }
})

/** Ends a server's process with the test, however that goes. */
function killed<T extends Awaited<ReturnType<typeof spawnServer>>>(server: T): T & AsyncDisposable {
  return Object.assign(server, { [Symbol.asyncDispose]: async () => void (await server.stop('SIGKILL')) })
}
