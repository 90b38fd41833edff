import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createKeyCrypto, CryptoBusyError, CryptoInputError } from '../src/index.ts'
import { createWorkerPool } from '../src/worker-pool.ts'

const directory = mkdtempSync(join(tmpdir(), 'vouchsafe-pool-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function script(name: string, body: string): URL {
  const path = join(directory, name)
  writeFileSync(path, `import { parentPort, threadId } from 'node:worker_threads'\n${body}`)
  return pathToFileURL(path)
}

/** Answers what it is sent with its thread's number; 'crash' throws, 'exit' exits, 'wait' answers never. */
const ECHO = script(
  'echo.mjs',
  `parentPort.on('message', (job) => {
    if (job === 'crash') throw new Error('secret of the job')
    if (job === 'exit') process.exit(3)
    if (job !== 'wait') parentPort.postMessage({ job, threadId, env: Object.keys(process.env).length })
  })`,
)

interface Echo {
  job: unknown
  threadId: number
  env: number
}

function echoPool(workers = 1, maxQueue = 10) {
  const pool = createWorkerPool<unknown, Echo>({ script: ECHO, workers, maxQueue })
  return { ...pool, pool, [Symbol.asyncDispose]: () => pool.close() }
}

test('jobs are answered in order by one worker, which sees nothing of the environment', async () => {
  await using echo = echoPool()
  const replies = await Promise.all([1, 2, 3, 4].map((job) => echo.run(job)))
  assert.deepEqual(
    replies.map(({ job }) => job),
    [1, 2, 3, 4],
  )
  assert.equal(new Set(replies.map(({ threadId }) => threadId)).size, 1)
  assert.equal(replies[0]?.env, 0)
})

test('at most as many workers as allowed are started, and only when needed', async () => {
  await using echo = echoPool(2)
  const one = await echo.run('one')
  assert.equal((await echo.run('two')).threadId, one.threadId)
  const replies = await Promise.all(Array.from({ length: 8 }, (_, job) => echo.run(job)))
  assert.equal(new Set(replies.map(({ threadId }) => threadId)).size, 2)
})

test('a full queue refuses with CryptoBusyError and counts what waits', async () => {
  await using echo = echoPool(1, 2)
  const stuck = [echo.run('wait'), echo.run('a'), echo.run('b')].map((job) => assert.rejects(job, /closed|stopped/))
  assert.equal(echo.pool.queued, 2)
  await assert.rejects(echo.run('c'), CryptoBusyError)
  assert.equal(echo.pool.queued, 2)
  await echo.close()
  await Promise.all(stuck)
  assert.equal(echo.pool.queued, 0)
})

test('a worker that dies rejects its own job alone and is replaced, and its error is not repeated', async () => {
  for (const end of ['crash', 'exit']) {
    await using echo = echoPool()
    const first = await echo.run('before')
    const [dead, next] = [echo.run(end), echo.run('after')]
    await assert.rejects(dead, (error: Error) => /stopped/.test(error.message) && !/secret/.test(error.message))
    assert.notEqual((await next).threadId, first.threadId)
  }
})

test('a worker that cannot start rejects jobs instead of keeping them', async () => {
  for (const broken of [script('broken.mjs', 'throw new Error()'), pathToFileURL(join(directory, 'absent.mjs'))]) {
    const pool = createWorkerPool<number, number>({ script: broken, workers: 1, maxQueue: 10 })
    await Promise.all([1, 2, 3].map((job) => assert.rejects(pool.run(job), /stopped/)))
    assert.equal(pool.queued, 0)
    await pool.close()
  }
})

test('a job that cannot be posted is rejected and harms no other', async () => {
  await using echo = echoPool()
  await assert.rejects(
    echo.run(() => 1),
    /could not be cloned/,
  )
  assert.equal((await echo.run('next')).job, 'next')
})

test('a closed pool refuses', async () => {
  const echo = echoPool()
  await echo.run(1)
  await echo.close()
  await assert.rejects(echo.run(2), /closed/)
})

test('key operations that wait in the queue are counted, and refused when it is full', async () => {
  await using crypto = createKeyCrypto({ maxQueue: 1 })
  const key = await crypto.generate('sm2')
  assert.equal(crypto.queued, 0)
  const [running, waiting] = [crypto.sign('sm2', key, Buffer.of(1)), crypto.sign('sm2', key, Buffer.of(2))]
  assert.equal(crypto.queued, 1)
  await assert.rejects(async () => crypto.sign('sm2', key, Buffer.of(3)), CryptoBusyError)
  assert.equal(await crypto.verify('sm2', key, Buffer.of(1), await running), true)
  assert.equal(await crypto.verify('sm2', key, Buffer.of(2), await waiting), true)
  assert.equal(crypto.queued, 0)
})

test('work in the workers leaves the calling thread free', async () => {
  await using crypto = createKeyCrypto()
  const key = await crypto.generate('sm2')
  let ticks = 0
  let done = false
  const tick = () => {
    ticks++
    if (!done) setImmediate(tick)
  }
  tick()
  const signature = await crypto.sign('sm2', key, Buffer.of(1))
  await crypto.verify('sm2', key, Buffer.of(1), signature)
  done = true
  assert.ok(ticks > 10, `${ticks} turns of the event loop`)
})

test('operations after disposal are refused where they need a worker', async () => {
  const crypto = createKeyCrypto()
  const key = await crypto.generate('sm2')
  const publicKey = createPublicKey(key)
  await crypto.sign('sm2', key, Buffer.of(1))
  await crypto[Symbol.asyncDispose]()
  await assert.rejects(async () => crypto.sign('sm2', key, Buffer.of(1)), /closed/)
  await assert.rejects(crypto.asymmetricEncrypt('sm2', publicKey, Buffer.of(1)), (error) => !(error instanceof CryptoInputError))
})

test('an idle worker does not keep the process alive, and a working one does', () => {
  const body = `
    import { createKeyCrypto } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
    const crypto = createKeyCrypto()
    const key = await crypto.generate('sm2')
    const digest = Buffer.from(${JSON.stringify(createHash('sha256').digest('hex'))}, 'hex')
    const signature = await crypto.sign('sm2', key, digest)
    console.log(await crypto.verify('sm2', key, digest, signature))`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', body], { encoding: 'utf8', timeout: 30_000 })
  assert.deepEqual([status, stdout.trim()], [0, 'true'])
})
