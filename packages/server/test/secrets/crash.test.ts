/** A server that is killed while values are put and rotated: what it acknowledged is there, every secret is whole (eHSM contract, W16). */
import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'

const SECRETS = 6
const ENOUGH = 150

eachDatabase('after kill -9 every acknowledged value is readable, and versions have no gap', async (store) => {
  const crashing = await spawnServer(store.location)
  const app = await enroll(crashing.url)
  const acknowledged = new Map<string, string[]>()
  const enough = Promise.withResolvers<void>()
  let count = 0
  const write = async (secretName: string) => {
    await succeed(crashing.url, app, 'CreateSecret', { secretName, secretData: 'value 1' })
    const values = ['value 1']
    acknowledged.set(secretName, values)
    for (let i = 2; ; i++) {
      await succeed(crashing.url, app, 'PutSecretValue', { secretName, secretData: `value ${i}` })
      values.push(`value ${i}`)
      if (i % 5 === 0) await succeed(crashing.url, app, 'RotateSecret', { secretName })
      if (++count === ENOUGH) enough.resolve()
    }
  }
  // Each goes on until the crash refuses it.
  const ended = Promise.allSettled(Array.from({ length: SECRETS }, (_, i) => write(`secret ${i}`)))
  await enough.promise
  await crashing.stop('SIGKILL')
  await ended

  await using server = await startTestServer(store.location)
  // Beyond the replay guard's fence, below which a restarted server takes nothing.
  const ahead = () => ({ timestamp: String(Date.now() + 60_000) })
  assert.equal(acknowledged.size, SECRETS)
  for (const [secretName, values] of acknowledged) {
    const { versionIds } = (await succeed(server.url, app, 'ListSecretVersionIds', { secretName }, ahead())) as unknown as {
      versionIds: { versionId: number }[]
    }
    const last = versionIds.length
    assert.deepEqual(
      versionIds.map(({ versionId }) => versionId),
      Array.from({ length: last }, (_, i) => last - i),
    )
    assert.ok(last >= values.length && last <= values.length + 1, 'at most the one that was under way more')
    for (let versionId = 1; versionId <= last; versionId++) {
      assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName, versionId }, ahead())).secretData, `value ${versionId}`)
    }
    assert.equal((await call(server.url, app, 'PutSecretValue', { secretName, secretData: 'next' }, ahead())).code, 200)
    assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName }, ahead())).versionId, last + 1)
  }
})
