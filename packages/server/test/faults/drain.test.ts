import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { enroll, signedBody, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer, temporaryFolder, type ServerProcess } from '@vouchsafe/testkit/server'

/** How a call ended: with its code, refused before anything of an answer came, or broken off within the answer. */
type Ending = number | 'untouched' | 'broken'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }

function send(agent: Agent, url: string, app: Credentials, action: string, payload?: object): Promise<Ending> {
  return new Promise((resolve) => {
    const options = { agent, method: 'POST', headers: { 'content-type': 'application/json' } }
    const req = request(`${url}/ehsm?Action=${action}`, options, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('error', () => resolve('broken'))
      res.on('end', () => resolve(res.complete ? (JSON.parse(text) as { code: number }).code : 'broken'))
    })
    req.on('error', () => resolve('untouched'))
    req.end(JSON.stringify(signedBody(app, payload)))
  })
}

async function withServer(work: (server: ServerProcess) => Promise<void>, flags: string[] = []): Promise<void> {
  const dataDir = await temporaryFolder()
  const server = await spawnServer({ dataDir, flags })
  try {
    await work(server)
  } finally {
    await server.stop('SIGKILL')
    await rm(dataDir, { recursive: true })
  }
}

test('SIGTERM: what is under way is answered, then the server ends with code 0', async () => {
  await withServer(async (server) => {
    const { url } = server
    const app = await enroll(url)
    const agent = new Agent({ keepAlive: true })
    // Seconds of work: two at once, the others queued.
    const rsa = { keyspec: 'EH_RSA_3072', origin: 'EH_INTERNAL_KEY' }
    const slow = Array.from({ length: 4 }, () => send(agent, url, app, 'CreateKey', rsa))
    // Answered after the slow ones were read.
    await succeed(url, app, 'CreateKey', AES)
    const ended = server.stop('SIGTERM')
    assert.deepEqual(await Promise.all(slow), [200, 200, 200, 200])
    const answered = performance.now()
    assert.equal(await ended, 0)
    assert.ok(performance.now() - answered < 5_000, 'connections that were kept alive do not hold the server up')
    agent.destroy()
    assert.equal(await send(new Agent(), url, app, 'ListKey'), 'untouched', 'nobody listens any more')
  })
})

const THREE = ['--threads', '3']

for (const flags of [[], THREE])
  test(`SIGTERM under load: no answer is broken off (${flags.length === 0 ? 'one thread' : 'three threads'})`, async () => {
    await withServer(async (server) => {
      const { url } = server
      const app = await enroll(url)
      const agent = new Agent({ keepAlive: true, maxSockets: 16 })
      const endings: Ending[] = []
      const enough = Promise.withResolvers<void>()
      const client = async () => {
        for (;;) {
          const ending = await send(agent, url, app, endings.length % 5 === 0 ? 'CreateKey' : 'ListKey', AES)
          endings.push(ending)
          if (endings.length === 200) enough.resolve()
          if (ending !== 200) return
        }
      }
      const clients = Array.from({ length: 16 }, client)
      await enough.promise
      assert.equal(await server.stop('SIGTERM'), 0)
      await Promise.all(clients)
      agent.destroy()
      assert.deepEqual(
        endings.filter((ending) => ending !== 200 && ending !== 'untouched'),
        [],
      )
    }, flags)
  })
