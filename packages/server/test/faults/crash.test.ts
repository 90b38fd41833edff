// kill -9 in the middle of a concurrent write load: what was acknowledged is there, and works, after a restart.
import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer } from '@vouchsafe/testkit/server'

const TEXT = Buffer.from('protected').toString('base64')
const WRITERS = 8
/** Acknowledgements before each kill. */
const MOMENTS = [25, 160]

/** A key as its writer knows it. `state` is what was acknowledged last, or undefined while a change is under way. */
interface Known {
  keyid: string
  spec: 'EH_AES_GCM_256' | 'EH_EC_P256'
  state: 'enabled' | 'disabled' | 'deleted' | undefined
  /** A ciphertext, or a signature, of TEXT. */
  made: string
}

/** Writes until the server is gone. `acknowledged` is called after each change. */
async function write(url: string, app: Credentials, known: Known[], acknowledged: () => void): Promise<void> {
  for (let i = 0; ; i++) {
    const spec = i % 2 === 0 ? 'EH_AES_GCM_256' : 'EH_EC_P256'
    const keyid = (await succeed(url, app, 'CreateKey', { keyspec: spec, origin: 'EH_INTERNAL_KEY' })).keyid as unknown as string
    const isAes = spec === 'EH_AES_GCM_256'
    const result = isAes
      ? (await succeed(url, app, 'Encrypt', { keyid, plaintext: TEXT })).ciphertext
      : (await succeed(url, app, 'Sign', { keyid, message: TEXT })).signature
    const key: Known = { keyid, spec, state: 'enabled', made: result as unknown as string }
    known.push(key)
    acknowledged()
    const changes = [['DisableKey'], ['DisableKey', 'EnableKey'], ['DeleteKey'], [], ['DisableKey', 'DeleteKey']][i % 5]!
    for (const action of changes) {
      key.state = undefined
      await succeed(url, app, action, { keyid })
      key.state = action === 'DeleteKey' ? 'deleted' : action === 'DisableKey' ? 'disabled' : 'enabled'
      acknowledged()
    }
  }
}

/** The fence of a server that was killed lies up to two seconds ahead. */
const beyondTheFence = () => ({ timestamp: String(Date.now() + 10_000) })

/** The state of a key as its owner finds it. */
async function stateOf(url: string, app: Credentials, { keyid }: Known): Promise<string> {
  const { code, message, result } = await call(url, app, 'DescribeKey', { keyid }, beyondTheFence())
  return code === 200 ? (result.status as unknown as string) : message
}

async function stillWorks(url: string, app: Credentials, { keyid, spec, made }: Known): Promise<void> {
  await succeed(url, app, 'EnableKey', { keyid }, beyondTheFence())
  if (spec === 'EH_AES_GCM_256') {
    assert.equal((await succeed(url, app, 'Decrypt', { keyid, ciphertext: made }, beyondTheFence())).plaintext, TEXT)
  } else {
    assert.equal((await succeed(url, app, 'Verify', { keyid, message: TEXT, signature: made }, beyondTheFence())).result, true)
  }
}

eachDatabase('after kill -9 under load every acknowledged key works and every acknowledged state holds', async (store) => {
  let server = await spawnServer(store.location)
  try {
    for (const moment of MOMENTS) {
      // A new app each time, since the last one's stamps are fenced for a moment.
      const app = await enroll(server.url)
      const known: Known[][] = Array.from({ length: WRITERS }, () => [])
      const reached = Promise.withResolvers<void>()
      let count = 0
      const acknowledged = () => {
        if (++count === moment) reached.resolve()
      }
      const writers = known.map((own) => write(server.url, app, own, acknowledged))
      await Promise.race([reached.promise, Promise.all(writers)])
      await server.stop('SIGKILL')
      await Promise.allSettled(writers)

      server = await spawnServer(store.location)
      const { url } = server
      const keys = known.flat()
      assert.ok(keys.length > 0)
      for (const key of keys) {
        const state = await stateOf(url, app, key)
        if (key.state !== undefined) assert.equal(state, key.state === 'deleted' ? 'keyid error' : key.state)
        else assert.match(state, /^(enabled|disabled|keyid error)$/)
        if (state !== 'keyid error') await stillWorks(url, app, key)
      }
    }
  } finally {
    await server.stop('SIGKILL')
  }
})
