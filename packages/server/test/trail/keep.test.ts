// Older entries are removed: what is kept is verified as before, and what rows were left as is still known.
import assert from 'node:assert/strict'
import { readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, temporaryFolder, type TestServer } from '@vouchsafe/testkit/server'
import { readKeep } from '../../src/config/index.ts'
import { restore } from '../../src/process/restore.ts'
import { changeRecord } from '../../src/trail/change-record.ts'
import { removeRecordFiles } from '../../src/trail/record-files.ts'
import { auditRow, quotePolicyRow } from '../support/rows.ts'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
const EVERYTHING = { ageMs: null, entries: 0 }

type Row = Record<string, string | number | Uint8Array | null>

const context = ({ server }: TestServer) => server.context

/** Entries that say nothing of rows, as calls make most of them. */
async function addEntries(server: TestServer, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 500)
    await context(server).storage.appendAudit({ rows: Array.from({ length: Math.min(left, 500) }, () => auditRow({ at: Date.now() })) })
  await context(server).settleTrail()
}

const prune = (server: TestServer, keep: { ageMs: number | null; entries: number | null }) =>
  context(server).trailKeep.prune(keep, changeRecord(operatorCall('PruneTrail'), '', Date.now()))

const faultsOf = async (server: TestServer) => (await context(server).checkTrail()).faults

function intruder({ location }: TestStore) {
  const sql = (text: string, values: Row[string][] = []) => queryDatabase(location, text, values as never) as Promise<Row[]>
  return {
    sql,
    copy: (table: string, condition: string) => sql(`select * from ${table} where ${condition}`),
    async putBack(table: string, rows: Row[]): Promise<void> {
      for (const row of rows) {
        const names = Object.keys(row)
        await sql(`insert into ${table} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})`, Object.values(row))
      }
    },
  }
}

eachDatabase('what is kept is as it was, and rows that nobody touched since are still compared', async (store) => {
  await using server = await startTestServer(store.location)
  const { storage, logFiles, sequencer } = context(server)
  const { sql, copy, putBack } = intruder(store)
  const app = await enroll(server.url)
  const create = async () => (await succeed(server.url, app, 'CreateKey', AES)).keyid as unknown as string
  const [kept, changed] = [await create(), await create()]
  const enabled = await copy('keys', `id = '${changed}'`)
  await succeed(server.url, app, 'DisableKey', { keyid: changed })
  await storage.insertQuotePolicy({ policy: quotePolicyRow({ id: 'gone', appId: app.appid }), limit: 9, audit: null })
  const gone = await copy('quote_policies', `id = 'gone'`)
  await storage.deleteQuotePolicy({ id: 'gone', audit: null })
  await addEntries(server, 700)
  const before = (await storage.trailHead({ epoch: null }))!
  const old = await copy('trail_entries', 'position < 100')
  const oldRows = await copy('trail_rows', 'position < 100')

  const { removed, beginning } = await prune(server, { ageMs: null, entries: 300 })
  assert.ok(removed >= 256 && removed % 256 === 0)
  assert.deepEqual([beginning!.epoch, beginning!.first], [1, removed])
  assert.equal((await sql(`select count(*) as count from trail_entries where position < ${removed}`))[0]!['count']!.toString(), '0')
  assert.deepEqual(await faultsOf(server), [])

  // The older checkpoint is still the log's beginning, and entries that are kept have proofs.
  await context(server).settleTrail()
  const now = (await storage.trailHead({ epoch: null }))!
  assert.ok((await logFiles.proveGrowth(1, before.size, now.size)).length > 0)
  assert.match(await logFiles.prove(1, removed), /^c2sp\.org\/tlog-proof/)
  await assert.rejects(logFiles.prove(1, removed - 1), { code: 'trail_not_found', message: new RegExp(`begins with entry ${removed}`) })
  assert.equal((await logFiles.checkpoint(null)).first, removed)

  // A row whose entries are all gone.
  const keptRow = await copy('keys', `id = '${kept}'`)
  await sql('delete from keys where id = $1', [kept])
  assert.deepEqual(await faultsOf(server), [{ fault: 'deleted', table: 'keys', id: kept }])
  await putBack('keys', keptRow)
  const disabled = await copy('keys', `id = '${changed}'`)
  await sql('delete from keys where id = $1', [changed])
  await putBack('keys', enabled)
  assert.deepEqual(await faultsOf(server), [{ fault: 'put_back', table: 'keys', id: changed }])
  // With the entries of then, which are genuine.
  await putBack('trail_entries', old)
  await putBack('trail_rows', oldRows)
  assert.deepEqual(await faultsOf(server), [{ fault: 'put_back', table: 'keys', id: changed }])
  await sql('delete from trail_entries where position < 100')
  await sql('delete from trail_rows where position < 100')
  await sql('delete from keys where id = $1', [changed])
  await putBack('keys', disabled)
  assert.deepEqual(await faultsOf(server), [])
  // Of a row that was deleted before nothing is left: it was never there.
  await putBack('quote_policies', gone)
  assert.deepEqual(await faultsOf(server), [{ fault: 'inserted', table: 'quote_policies', id: 'gone' }])
  await sql(`delete from quote_policies where id = 'gone'`)

  // Again and again: what was restated is restated.
  for (let i = 0; i < 2; i++) {
    await addEntries(server, 300)
    assert.ok((await prune(server, EVERYTHING)).removed >= 256)
    assert.deepEqual(await faultsOf(server), [])
  }
  assert.equal((await prune(server, EVERYTHING)).removed, 0)
  await succeed(server.url, app, 'EnableKey', { keyid: changed })
  assert.deepEqual(await faultsOf(server), [])
  assert.equal(sequencer.problem, undefined)
})

eachDatabase('no removal hides or makes valid what someone changed before it', async (store) => {
  const { sql, copy, putBack } = intruder(store)
  await using server = await startTestServer(store.location)
  const app = await enroll(server.url)
  const keyid = (await succeed(server.url, app, 'CreateKey', AES)).keyid as unknown as string
  const enabled = await copy('keys', `id = '${keyid}'`)
  await addEntries(server, 600)
  await succeed(server.url, app, 'DisableKey', { keyid })
  await context(server).settleTrail()

  // An entry that was edited, or is missing, stays, and is named.
  const [entry] = await copy('trail_entries', 'position = 7')
  const leaf = Buffer.from(
    Buffer.from(entry!['leaf'] as Uint8Array)
      .toString()
      .replace('"ok"', '"no"'),
  )
  await sql('update trail_entries set leaf = $1 where position = 7', [leaf])
  await assert.rejects(prune(server, EVERYTHING), { code: 'altered' })
  await sql('delete from trail_entries where position = 7')
  await assert.rejects(prune(server, EVERYTHING), { code: 'altered' })
  await putBack('trail_entries', [entry!])
  assert.deepEqual(await faultsOf(server), [])

  // The entry that says that the key was disabled is hidden from the removal, so that the one before is restated; it counts all the same.
  const hidden = await copy('trail_rows', `row_id = '${keyid}' and position > 512`)
  assert.equal(hidden.length, 1)
  const disabled = await copy('keys', `id = '${keyid}'`)
  await sql(`delete from trail_rows where row_id = '${keyid}' and position > 512`)
  await sql('delete from keys where id = $1', [keyid])
  await putBack('keys', enabled)
  assert.equal((await prune(server, EVERYTHING)).removed, 512)
  assert.notDeepEqual(await faultsOf(server), [])
  await putBack('trail_rows', hidden)
  assert.deepEqual(await faultsOf(server), [{ fault: 'put_back', table: 'keys', id: keyid }])
  await sql('delete from keys where id = $1', [keyid])
  await putBack('keys', disabled)
  assert.deepEqual(await faultsOf(server), [])

  // Where what is kept begins cannot be moved, nor can what is restated pass for more.
  for (const [change, back] of [
    ['set first = first + 256', 'set first = first - 256'],
    ['set first = 0', 'set first = 512'],
  ] as const) {
    await sql(`update trail_beginnings ${change}`)
    assert.ok((await faultsOf(server)).some(({ fault, table }) => fault === 'altered' && table === 'trail_beginnings'))
    await sql(`update trail_beginnings ${back}`)
  }
  const beginnings = await copy('trail_beginnings', 'epoch = 1')
  await sql('delete from trail_beginnings')
  assert.ok((await faultsOf(server)).some(({ fault, table }) => fault === 'deleted' && table === 'trail_beginnings'))
  await putBack('trail_beginnings', beginnings)
  await sql('update trail_rows set restated = 0 where restated = 1')
  assert.ok((await faultsOf(server)).some(({ fault }) => fault === 'edited'))
  await sql(
    `update trail_rows set restated = 1 where (epoch, position) in (select epoch, position from trail_entries where action = 'PruneTrail')`,
  )
  assert.deepEqual(await faultsOf(server), [])
  const [tile] = await copy('trail_tiles', 'level = 0 and number = 0')
  await sql('update trail_tiles set hashes = $1 where level = 0 and number = 0', [Buffer.from(tile!['hashes'] as Uint8Array).fill(1, 0, 1)])
  assert.ok((await faultsOf(server)).some(({ fault, table }) => fault === 'edited' && table === 'trail'))
})

eachDatabase('entries go by age, an epoch that has ended goes whole, and servers that remove at once remove once', async (store) => {
  const flags = ['--trail-keep', '1000000']
  {
    await using server = await startTestServer({ ...store.location, flags })
    await addEntries(server, 300)
    assert.equal((await prune(server, { ageMs: 3_600_000, entries: null })).removed, 0)
    const { storage } = context(server)
    // The store is older than a checkpoint that was kept elsewhere, which is accepted: a new epoch.
    const head = (await storage.trailHead({ epoch: null }))!
    const previous = {
      epoch: 1,
      origin: context(server).logKey.origin(1),
      size: head.size,
      root: Buffer.from(head.root).toString('base64'),
    }
    await storage.acceptRollback({ previous, fence: 0, actor: 'operator', at: Date.now() })
    await addEntries(server, 600)
  }
  await using one = await startTestServer({ ...store.location, flags })
  await using two = store.kind === 'postgres' ? await startTestServer({ ...store.location, flags }) : one
  await context(one).settleTrail()
  const reports = await Promise.all([prune(one, { ageMs: 0, entries: null }), prune(two, { ageMs: 0, entries: null })])
  const beginnings = await context(one).storage.trailBeginnings()
  const heads = await context(one).storage.trailHeads()
  assert.deepEqual(
    beginnings.map(({ first }) => first),
    [heads[0]!.size, 512],
  )
  assert.equal(reports[0].removed + reports[1].removed, heads[0]!.size + 512)
  assert.deepEqual(await faultsOf(one), [])
  assert.deepEqual(await faultsOf(two), [])
})

test('a store that was restored from a backup without its oldest entries is compared as before', async () => {
  const [dataDir, restored] = [await temporaryFolder(), await temporaryFolder()]
  try {
    const pieces: Uint8Array[] = []
    {
      await using server = await startTestServer({ dataDir, flags: ['--trail-keep', '100'] })
      await enroll(server.url)
      await addEntries(server, 600)
      await prune(server, EVERYTHING)
      for await (const piece of await context(server).backups.write(operatorCall(), 'a long passphrase')) pieces.push(piece)
    }
    const file = join(dataDir, 'backup')
    await writeFile(file, Buffer.concat(pieces))
    await restore({ file, passphrase: 'a long passphrase', report: () => undefined, dataDir: restored, env: {} })
    // The first start removes what is left of the epoch before.
    await using server = await startTestServer({ dataDir: restored, flags: ['--trail-keep', '1'] })
    assert.deepEqual(await faultsOf(server), [])
    await prune(server, EVERYTHING)
    assert.equal((await context(server).storage.trailBeginnings()).length, 1)
    assert.deepEqual(await faultsOf(server), [])
  } finally {
    for (const folder of [dataDir, restored]) await rm(folder, { recursive: true, force: true })
  }
})

test('records of calls go with the files that nothing was written to since, and calls are recorded on', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const folder = join(server.dataDir, 'audit')
  const call = async () => {
    await succeed(server.url, app, 'ListKey', {})
    await context(server).trail!.flush()
    return (await readdir(folder)).filter((name) => name.startsWith('calls-'))
  }
  const [first] = await call()
  await writeFile(join(folder, 'other.jsonl'), '')
  const past = new Date(Date.now() - 3_600_000)
  await utimes(join(folder, first!), past, past)
  await utimes(join(folder, 'other.jsonl'), past, past)
  assert.equal(await context(server).trail!.removeRecords(Date.now() - 7_200_000), 0)
  assert.equal(await context(server).trail!.removeRecords(Date.now() - 60_000), 1)
  const [second, ...more] = await call()
  assert.deepEqual(more, [])
  assert.notEqual(second, first)
  assert.equal(context(server).trail!.statistics.lostFiles, 0)
  assert.ok((await readdir(folder)).includes('other.jsonl'))
  assert.equal(await removeRecordFiles(join(server.dataDir, 'nowhere'), Date.now()), 0)
})

test('what is kept is an age, a number of entries, or both', () => {
  assert.deepEqual(readKeep('365d'), { ageMs: 365 * 86_400_000, entries: null })
  assert.deepEqual(readKeep('12h,5'), { ageMs: 12 * 3_600_000, entries: 5 })
  assert.deepEqual(readKeep('0'), { ageMs: null, entries: 0 })
  for (const text of ['', '5m', '5,5', '5,5d', '1d,', '-1', '1e3']) assert.throws(() => readKeep(text), /is no age/, text)
})
