// What goes wrong around a server: the database restarts, the disk is full, another server changes things, the clock steps.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { systemRuntime } from '@vouchsafe/server/testing'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { call, enroll, post, signedBody, succeed } from '@vouchsafe/testkit/ehsm-calls'
import type { Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startPostgres } from '@vouchsafe/testkit/postgres'
import { eventually } from '@vouchsafe/testkit/retry'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { commandsOf, fill, openInstallation, useAll } from './support/installation.ts'
import { MixedLoad } from './support/mixed-load.ts'
import { assertGaps, verifyTrail } from './support/verified-trail.ts'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }

test('while PostgreSQL restarts and ends connections under load requests fail cleanly; nothing is missing from store or trail', async () => {
  await using cluster = await startPostgres()
  await using server = await startTestServer({ databaseUrl: cluster.url })
  await using terminal = await openTerminal(server.url)
  Object.assign(terminal.env, { VOUCHSAFE_DATA_DIR: server.dataDir, VOUCHSAFE_DATABASE_URL: cluster.url })
  await giveSigningKeys(server.server.context.signingKeys)
  const load = await MixedLoad.on(server.url)
  await using running = load.run(server.url, 4)
  await load.goesOn(2)
  await cluster.restart()
  await load.goesOn(2)
  const administrator = new Client({ connectionString: cluster.url })
  // It ends with the cluster where the test fails, and must not hide why.
  administrator.on('error', () => {})
  await administrator.connect()
  for (let i = 0; i < 5; i++) {
    // What was answered just before goes on without a connection, so the server may have none yet.
    await eventually(async () => {
      const { rowCount } = await administrator.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      )
      assert.ok(rowCount! > 0)
    })
    await load.goesOn(1)
  }
  await administrator.end()
  await running.stop()
  assert.ok(load.refusals.size > 0)
  for (const refusal of load.refusals) assert.match(refusal, /^500 (database error|the database is not available)$/)
  await load.assertStored(server.url)
  const trail = await verifyTrail(commandsOf(terminal))
  assert.equal(load.assertRecorded(trail), 0)
  assertGaps(trail, 1)
})

/** Runs what follows in a mount namespace of its own, with a small tmpfs: as root at once, else in a user namespace, where that is allowed. */
function smallDisk(): { run: string[]; why?: never } | { run?: never; why: string } {
  const mine = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm']
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-mount-'))
  try {
    execFileSync(mine[0]!, [...mine.slice(1), 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' })
    return { run: mine }
  } catch (error) {
    return { why: `no file system can be mounted here: ${(error as Error).message.split('\n')[0]}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('on a full disk changes are refused in words, nothing is damaged, and it goes on when there is space again', async (t) => {
  const { run, why } = smallDisk()
  if (run === undefined) return t.skip(why)
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-full-'))
  try {
    // The whole test runs in the namespace, since the mount is seen nowhere else.
    const inside = new URL('./support/full-disk.ts', import.meta.url).pathname
    const script = `mount -t tmpfs -o size=12m tmpfs "$0" && exec "$1" --disable-warning=ExperimentalWarning "$2" "$0"`
    const [command, ...flags] = run
    const { stdout } = await promisify(execFile)(command!, [...flags, 'sh', '-c', script, folder, process.execPath, inside])
    assert.equal(stdout, 'everything as it should be\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('two servers on one PostgreSQL: changes are soon seen in the other, and no request is accepted by both', async () => {
  await using place = await openInstallation('postgres')
  const [one, other] = [await spawnServer(place.store.location), await spawnServer(place.store.location)]
  try {
    const app = await enroll(one.url)
    const plaintext = Buffer.from('text').toString('base64')
    for (const [here, there] of [
      [one, other],
      [other, one],
    ] as const) {
      const keyid = String((await succeed(here.url, app, 'CreateKey', AES)).keyid)
      const encrypt = () => call(there.url, app, 'Encrypt', { keyid, plaintext })
      assert.equal((await encrypt()).code, 200)
      await succeed(here.url, app, 'DisableKey', { keyid })
      await eventually(async () => assert.equal((await encrypt()).message, 'keyid is disabled'))
      await succeed(here.url, app, 'EnableKey', { keyid })
      await eventually(async () => assert.equal((await encrypt()).code, 200))
      await succeed(here.url, app, 'DeleteKey', { keyid })
      await eventually(async () => assert.equal((await encrypt()).message, 'keyid error'))
    }
    await place.done(['apps', 'disable', app.appid])
    for (const { url } of [one, other]) {
      await eventually(async () => assert.equal((await call(url, app, 'ListKey')).message, 'app is disabled'))
    }
    await place.done(['apps', 'enable', app.appid])
    for (const { url } of [one, other]) await eventually(async () => assert.equal((await call(url, app, 'ListKey')).code, 200))

    for (let i = 0; i < 20; i++) {
      const body = signedBody(app, undefined)
      const answers = await Promise.all([one, other, one, other].map(({ url }) => post(url, 'ListKey', body)))
      assert.deepEqual(answers.map(({ code }) => code).toSorted(), [200, 400, 400, 400])
    }
  } finally {
    await one.stop()
    await other.stop()
  }
})

test('of two servers on one PostgreSQL one is expelled under load: both go on, nothing is missing, and the trail admits a gap', async () => {
  await using place = await openInstallation('postgres')
  const [one, other] = [await place.start(), await place.start()]
  await giveSigningKeys(one.context.signingKeys)
  const { storage } = other.context
  const expelled = one.context.storage.process
  const loads = [await MixedLoad.on(one.url), await MixedLoad.on(other.url)]
  await using running = new AsyncDisposableStack()
  for (const [i, { url }] of [one, other].entries()) running.use(loads[i]!.run(url, 2))
  const taken: string[] = []
  for (let i = 0; i < 3; i++) {
    await Promise.all(loads.map((load) => load.goesOn(2)))
    // As the other does with one that it takes for dead; this one is back at once, so that it may take several attempts.
    await eventually(async () => {
      const { servers } = await storage.heartbeat({ id: '' })
      for (const { id, heartbeat } of servers) if (id.endsWith(`:${expelled}`)) await storage.expelServer({ id, heartbeat })
      const closed = await storage.closeGoneWriters({ before: Date.now() + 60_000, at: Date.now() })
      taken.push(...closed)
      assert.ok(closed.length > 0)
    })
  }
  await Promise.all(loads.map((load) => load.goesOn(2)))
  await running.disposeAsync()
  for (const [i, { url, context }] of [one, other].entries()) {
    await context.settleTrail()
    assert.deepEqual([...loads[i]!.refusals], [])
    for (const load of loads) await load.assertStored(url)
  }
  const trail = await verifyTrail(place)
  for (const load of loads) assert.equal(load.assertRecorded(trail), 0)
  assert.ok(taken.every((writer) => writer.startsWith(expelled)))
  const writers = new Set(taken.map((writer) => (writer.endsWith('/calls') ? writer : `${writer}/calls`)))
  assert.deepEqual(new Set(trail.gaps.keys()), writers)
})

test('when the clock steps by an hour, either way, nothing is accepted twice or lost, and work goes on once clients follow', async () => {
  for (const hours of [1, -1]) {
    await using place = await openInstallation('sqlite')
    let offset = 0
    const server = await place.start([], { ...systemRuntime, now: () => Date.now() + offset })
    const { url } = server
    const app: Credentials = await enroll(url)
    const belongings = await fill(url, app, 4)
    const first = signedBody(app, undefined)
    assert.equal((await post(url, 'ListKey', first)).code, 200)
    offset = hours * 3_600_000
    const stepped = () => ({ timestamp: String(Date.now() + offset) })
    assert.match((await post(url, 'ListKey', first)).message, /^Timestamp/)
    assert.equal((await call(url, app, 'ListKey')).message, 'Timestamp error')
    await useAll(url, belongings, stepped)
    const second = signedBody(app, undefined, stepped())
    assert.equal((await post(url, 'ListKey', second)).code, 200)
    offset = 0
    for (const body of [first, second]) assert.match((await post(url, 'ListKey', body)).message, /^Timestamp/)
    await useAll(url, belongings)
  }
})

test('an audit record is found by who, what, on what, how it ended, and when', async () => {
  await using place = await openInstallation('sqlite')
  const { url } = await place.start()
  const [app, other] = [await enroll(url), await enroll(url)]
  const keyid = String((await succeed(url, app, 'CreateKey', AES)).keyid)
  await succeed(url, app, 'Encrypt', { keyid, plaintext: 'AAAA' })
  assert.equal((await call(url, other, 'Encrypt', { keyid, plaintext: 'AAAA' })).code, 400)
  await place.done(['apps', 'disable', other.appid])
  const query = async (...args: string[]) =>
    (JSON.parse(await place.done(['audit', 'query', '--json', ...args])) as { records: Record<string, unknown>[] }).records
  const { uid, username } = userInfo()
  const operator = `operator:${uid}:${username}`
  const actions = async (...args: string[]) => (await query(...args)).map(({ actor, action, result }) => `${actor} ${action} ${result}`)
  // A change is in the store, and its call in the audit files.
  assert.deepEqual(await actions('--object', keyid), [
    `${app.appid} CreateKey ok`,
    `${app.appid} CreateKey ok`,
    `${app.appid} Encrypt ok`,
    `${other.appid} Encrypt key_not_found`,
  ])
  assert.deepEqual(await actions('--actor', 'operator', '--plane', 'management'), [`${operator} UpdateApp ok`])
  assert.deepEqual(await actions('--actor', 'operator', '--object', other.appid, '--plane', 'calls'), [`${operator} UpdateApp ok`])
  assert.equal((await actions('--actor', 'operator', '--action', 'QueryAudit')).length, 3)
  assert.deepEqual(await actions('--action', 'Encrypt', '--result', 'ok'), [`${app.appid} Encrypt ok`])
  assert.deepEqual(await actions('--plane', 'management', '--limit', '1'), [`${operator} UpdateApp ok`])
  const [record] = await query('--action', 'Encrypt', '--result', 'ok')
  assert.deepEqual(await query('--request', String(record!['requestId'])), [record])
  const at = Number(record!['at'])
  assert.ok((await query('--since', new Date(at).toISOString())).length > 0)
  assert.deepEqual(await query('--until', '2020-01-01'), [])
  assert.deepEqual(await query('--since', '2120-01-01'), [])
  assert.ok(!JSON.stringify(await query('--limit', '1000')).includes('AAAA'))
  const text = await place.done(['audit', 'query', '--object', keyid])
  assert.match(text, /^TIME +ACTOR +ACTION +OBJECT +RESULT\n/)
  // What a crash has torn, or somebody else has put there, is passed over.
  writeFileSync(join(place.dataDir, 'audit', 'calls-2026-01-01T00-00-00-000Z-1.jsonl'), '{"at":1,"act')
  writeFileSync(join(place.dataDir, 'audit', 'notes.txt'), 'nothing')
  assert.equal((await query('--object', keyid)).length, 4)
  assert.match(await place.refused(['audit', 'query', '--since', 'yesterday']), /must be a time/)
  assert.match(await place.refused(['audit', 'query', '--plane', 'all of it']), /must be one of/)
  assert.ok(statSync(join(place.dataDir, 'audit')).mode)
})
