import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SELF_TESTS, type SelfTest } from '@vouchsafe/crypto'
import { testStore } from '@vouchsafe/testkit/databases'
import { MAIN, startTestServer } from '@vouchsafe/testkit/server'
import { runServer } from '../../src/process/main.ts'
import { openOperator } from '../../src/process/offline-operator.ts'

/** Runs the server until it ends, or is ready and then told to end; gives all that it wrote. */
async function run(dataDir: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    MAIN,
    'server',
    '--listen',
    '127.0.0.1:0',
    '--data-dir',
    dataDir,
    '--log-level',
    'trace',
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let output = ''
  let isTold = false
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
    if (isTold || !output.includes('listening on')) return
    isTold = true
    child.kill('SIGTERM')
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output }
}

test('the password of the database is in no line that the server writes, ready or refused', async () => {
  await using store = await testStore('postgres')
  const { dataDir, databaseUrl } = store.location
  const good = new URL(databaseUrl!)
  good.password = 'hunter2hunter2'
  const ready = await run(dataDir, { VOUCHSAFE_DATABASE_URL: good.href })
  assert.equal(ready.code, 0, ready.output)
  assert.match(ready.output, /^vouchsafe .* listening on http:\/\/127\.0\.0\.1:\d+ \(PostgreSQL\)$/m)

  const refused = [new URL(good), new URL(good), new URL(good)]
  refused[0]!.pathname = '/there_is_no_such_database'
  refused[1]!.username = 'nobody_of_this_name'
  refused[2]!.port = '1'
  const outputs = [ready.output]
  for (const url of refused) {
    const { code, output } = await run(dataDir, { VOUCHSAFE_DATABASE_URL: url.href })
    assert.equal(code, 1)
    assert.match(output, /^vouchsafe: .*\n$/, 'one line, without a stack')
    outputs.push(output)
  }
  const wrong = await run(dataDir, { VOUCHSAFE_DATABASE_URL: 'mysql://user:hunter2hunter2@db/x' })
  assert.deepEqual(wrong, { code: 2, output: 'vouchsafe: VOUCHSAFE_DATABASE_URL: not a postgres:// URL\n' })
  for (const output of outputs) assert.ok(!output.includes('hunter2hunter2'))
})

test('when an algorithm fails its known answer, neither server nor operator command starts, and no key is made', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vouchsafe-self-test-'))
  const failing: SelfTest = { algorithm: 'AES-256-GCM', answer: '00', check: () => false }
  const tests = SELF_TESTS as SelfTest[]
  tests.push(failing)
  try {
    const failure = { name: 'SelfTestError', algorithm: 'AES-256-GCM' }
    await assert.rejects(startTestServer({ dataDir }), failure)
    assert.equal(existsSync(join(dataDir, 'root.key')), false)
    tests.pop()
    await (await startTestServer({ dataDir }))[Symbol.asyncDispose]()
    tests.push(failing)
    await assert.rejects(openOperator({ dataDir, env: {} }), failure)
  } finally {
    if (tests.at(-1) === failing) tests.pop()
    rmSync(dataDir, { recursive: true })
  }
})

test('an address that is taken ends the start with 1, so that a service manager tries again; a wrong option with 2', async (t) => {
  const errors = t.mock.method(console, 'error', () => {})
  await using server = await startTestServer()
  const { host } = new URL(server.url)
  await using store = await testStore('sqlite')
  assert.equal(await runServer(['--listen', host, '--data-dir', store.location.dataDir, '--log-level', 'silent'], {}), 1)
  assert.equal(await runServer(['--listen', 'nowhere'], {}), 2)
  assert.deepEqual(
    errors.mock.calls.map(({ arguments: [line] }) => line as string),
    [
      `vouchsafe: cannot listen on ${host}: the address is in use; is another server running?`,
      "vouchsafe: --listen: 'nowhere' is not HOST:PORT",
    ],
  )
})

test('--enroll token on loopback: start prints a token that enrols one app, and logs nothing of it', async () => {
  await using store = await testStore('sqlite')
  const { dataDir } = store.location
  const { code, output } = await run(dataDir, { VOUCHSAFE_ENROLL: 'token' })
  assert.equal(code, 0, output)
  const [, token, url] = /^ {2}VOUCHSAFE_ENROLL_TOKEN=(vse_[\w-]{43}) npx vouchsafe enroll --url (\S+)$/m.exec(output)!
  assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(output.split(token!).length, 2, 'printed once')
  const logged = output.split('\n').filter((line) => line.startsWith('{'))
  assert.ok(logged.length > 0 && !logged.some((line) => line.includes('vse_')))

  await using server = await startTestServer({ dataDir, flags: ['--enroll', 'token'] })
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${server.url}/ehsm?Action=Enroll`, { headers })
    return ((await response.json()) as { code: number }).code
  }
  assert.deepEqual(
    [await ask({}), await ask({ authorization: `Bearer ${token}` }), await ask({ authorization: `Bearer ${token}` })],
    [400, 200, 400],
  )
})
