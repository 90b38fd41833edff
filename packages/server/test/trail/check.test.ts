// An attacker with write access to the store, against the comparison of the store with its trail, at a start and on demand.
import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, signedBody, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, temporaryFolder } from '@vouchsafe/testkit/server'
import { signCheckpoint } from '../../src/trail/sequencer.ts'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }

interface Filled {
  app: Credentials
  /** An enabled key, one that was disabled, one that was deleted at once. */
  kept: string
  disabled: string
}

/** A store with a history, and no server on it. */
async function fill({ location }: Pick<TestStore, 'location'>, flags: string[] = []): Promise<Filled> {
  await using server = await startTestServer({ ...location, flags })
  const app = await enroll(server.url)
  const create = async () => (await succeed(server.url, app, 'CreateKey', AES)).keyid as unknown as string
  const [kept, disabled] = [await create(), await create()]
  await succeed(server.url, app, 'DisableKey', { keyid: disabled })
  return { app, kept, disabled }
}

/** What a start says of the store; undefined if it serves. */
async function refusal({ location }: Pick<TestStore, 'location'>, flags: string[] = []): Promise<string | undefined> {
  try {
    await using server = await startTestServer({ ...location, flags })
    assert.ok(server.url)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

eachDatabase('an intact store is served, again and again, and its check finds nothing', async (store) => {
  await fill(store)
  for (let start = 0; start < 2; start++) {
    await using server = await startTestServer(store.location)
    const { faults, rows, entries } = await server.server.context.checkTrail()
    assert.deepEqual(faults, [])
    assert.ok(rows >= 5 && entries >= 5)
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    // Anyone may keep a checkpoint.
    const checkpoint = await fetch(`${server.url}/v1/trail/checkpoint`)
    assert.match(await checkpoint.text(), /^vouchsafe\/[0-9a-f-]{36}\/1\n\d+\n[\w+/=]{44}\n\n— /)
  }
})

eachDatabase('a row that is deleted, put back or copied in is named, and no server starts on it', async (store) => {
  const { app, kept, disabled } = await fill(store)
  const sql = (text: string, parameters: (string | number | Uint8Array)[] = []) => queryDatabase(store.location, text, parameters)
  await sql('create table taken as select * from keys')
  await sql('delete from keys where id = $1', [kept])
  assert.match((await refusal(store))!, new RegExp(`keys ${kept} \\(deleted\\)`))
  await sql('insert into keys select * from taken where id = $1', [kept])
  assert.equal(await refusal(store), undefined)

  // The key is enabled: then the row of before is put back, MAC and all.
  {
    await using server = await startTestServer(store.location)
    await succeed(server.url, app, 'EnableKey', { keyid: disabled })
  }
  await sql('delete from keys where id = $1', [disabled])
  await sql('insert into keys select * from taken where id = $1', [disabled])
  assert.match((await refusal(store))!, new RegExp(`keys ${disabled} \\(put back\\)`))
  await using server = await startTestServer({ ...store.location, flags: ['--on-rollback', 'warn'] })
  const ready = await fetch(`${server.url}/readyz`)
  assert.equal(ready.status, 503)
  assert.match(await ready.text(), /trail_altered/)
})

eachDatabase('what was put back or deleted is not hidden by an entry that someone makes up', async (store) => {
  const { kept, disabled } = await fill(store)
  const sql = (text: string, parameters: (string | number | Uint8Array)[] = []) => queryDatabase(store.location, text, parameters)
  const [row] = (await sql(`select revision, digest from trail_rows where row_table = 'keys' and row_id = $1 order by position limit 1`, [
    disabled,
  ])) as [{ revision: number; digest: string }]
  // A row of before is named; a made-up line about it, beyond every entry, does not silence that.
  await sql('delete from keys where id = $1', [kept])
  for (const [epoch, position] of [
    [1, 1_000],
    [9, 0],
  ] as const) {
    await sql(`insert into trail_rows (epoch, position, row_table, row_id, revision, digest) values ($1, $2, 'keys', $3, 9, null)`, [
      epoch,
      position,
      kept,
    ])
    assert.match((await refusal(store))!, new RegExp(`keys ${kept} \\(altered\\)`))
    await sql('insert into trail_rows (epoch, position, row_table, row_id, revision, digest) values ($1, $2, $3, $4, $5, $6)', [
      epoch,
      position + 1,
      'keys',
      disabled,
      Number(row.revision),
      row.digest,
    ])
    assert.match((await refusal(store))!, new RegExp(`keys ${disabled} \\(altered\\)`))
    await sql('delete from trail_rows where position >= $1 and epoch = $2', [position, epoch])
  }
})

eachDatabase('an entry that waits and was made up keeps a server from starting', async (store) => {
  await fill(store)
  const sql = (text: string) => queryDatabase(store.location, text)
  await sql(`insert into trail_entries select epoch, (select next from trail_heads), at, actor, action, object, result, request_id, detail, leaf, mac, mac_version
    from trail_entries where position = 2`)
  await sql('update trail_heads set next = next + 1')
  assert.match((await refusal(store))!, /trail the trail was changed in the store: trail_entries/)
})

eachDatabase('entries that are edited, removed, or stand elsewhere are named', async (store) => {
  await fill(store)
  const sql = (text: string, parameters: (string | number | Uint8Array)[] = []) => queryDatabase(store.location, text, parameters)
  const [{ position, actor, leaf }] = (await sql(
    `select position, actor, leaf from trail_entries where action = 'CreateKey' order by position limit 1`,
  )) as [{ position: number; actor: string; leaf: Uint8Array }]
  const at = Number(position)
  await sql(`update trail_entries set actor = 'somebody' where position = $1`, [at])
  assert.match((await refusal(store))!, new RegExp(`entry ${at} \\(edited\\)`))
  await sql(`update trail_entries set actor = $1 where position = $2`, [actor, at])
  assert.equal(await refusal(store), undefined)

  const edited = Buffer.from(Buffer.from(leaf).toString().replace('CreateKey', 'RemoveKey'))
  await sql(`update trail_entries set action = 'RemoveKey', leaf = $1 where position = $2`, [edited, at])
  assert.match((await refusal(store))!, new RegExp(`entry ${at} \\(edited\\)`))
  await sql(`update trail_entries set action = 'CreateKey', leaf = $1 where position = $2`, [leaf, at])
  assert.equal(await refusal(store), undefined)

  await sql('update trail_entries set position = -1 where position = $1', [at])
  await sql('update trail_entries set position = $1 where position = $2', [at, at + 1])
  await sql('update trail_entries set position = $1 where position = -1', [at + 1])
  assert.match((await refusal(store))!, /\(edited\)/)
  await sql('update trail_entries set position = -1 where position = $1', [at])
  await sql('update trail_entries set position = $1 where position = $2', [at, at + 1])
  await sql('update trail_entries set position = $1 where position = -1', [at + 1])
  assert.equal(await refusal(store), undefined)

  await sql('delete from trail_entries where position > $1', [at])
  assert.match((await refusal(store))!, /\(missing\)/)
})

eachDatabase('a cosigned checkpoint that the tree does not continue is named, and so is one that this log did not sign', async (store) => {
  await fill(store)
  const sql = (text: string, parameters: string[] = []) => queryDatabase(store.location, text, parameters)
  const cosigned = (note: string) => sql('update trail_heads set cosigned = $1', [note])
  let genuine: string
  let [forked, longer]: string[] = []
  {
    // With the log's key, as only this server or a copy of it has it.
    await using server = await startTestServer(store.location)
    const { logKey, logFiles } = server.server.context
    const { note, size } = await logFiles.checkpoint(null)
    genuine = note
    const sign = (entries: number) => signCheckpoint(logKey, { epoch: 1, size: entries, root: new Uint8Array(32) })
    ;[forked, longer] = [await sign(size - 1), await sign(size + 1_000)]
  }
  await cosigned(genuine)
  assert.equal(await refusal(store), undefined)
  await cosigned(forked!)
  assert.match((await refusal(store))!, /trail epoch 1, cosigned checkpoint of \d+ \(forked\)/)
  await cosigned(longer!)
  assert.match((await refusal(store))!, /trail epoch 1, entries \d+ to \d+ \(missing\)/)
  await cosigned(genuine.replace(/\n— .*\n$/s, '\n— somebody AAAAAAAA\n'))
  assert.match((await refusal(store))!, /trail epoch 1, its cosigned checkpoint \(unsigned\)/)
})

eachDatabase('a running server notices that its trail is set back, and signs nothing more', async (store) => {
  await using server = await startTestServer(store.location)
  const { sequencer, storage } = server.server.context
  const app = await enroll(server.url)
  await succeed(server.url, app, 'CreateKey', AES)
  await server.server.context.settleTrail()
  const sql = (text: string) => queryDatabase(store.location, text)
  const before = (await storage.trailHead({ epoch: null }))!
  await sql('create table heads as select * from trail_heads')
  await succeed(server.url, app, 'CreateKey', AES)
  await server.server.context.settleTrail()
  assert.equal(sequencer.problem, undefined)
  await sql('delete from trail_heads')
  await sql('insert into trail_heads select * from heads')
  await sequencer.run(true)
  assert.match(sequencer.problem!, /set back/)
  assert.equal((await storage.trailHead({ epoch: null }))!.size, before.size)
})

test('a data directory that is copied back is refused with a mark; where that is accepted, no request of before is', async () => {
  const [dataDir, copy, outside] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()]
  try {
    const flags = ['--mark', join(outside, 'mark')]
    const { app } = await fill({ location: { dataDir } }, flags)
    await cp(dataDir, copy, { recursive: true })
    const bodies = Array.from({ length: 50 }, () => signedBody(app, undefined))
    const send = async (url: string, body: object) => {
      const response = await fetch(`${url}/ehsm?Action=ListKey`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      })
      return ((await response.json()) as { code: number }).code
    }
    {
      await using server = await startTestServer({ dataDir, flags })
      for (const body of bodies) assert.equal(await send(server.url, body), 200)
    }
    await rm(dataDir, { recursive: true })
    await cp(copy, dataDir, { recursive: true })
    assert.match((await refusal({ location: { dataDir } }, flags))!, /rolled back/)
    {
      await using server = await startTestServer({ dataDir, flags: [...flags, '--on-rollback', 'warn'] })
      for (const body of bodies) assert.notEqual(await send(server.url, body), 200)
      // A new epoch says what was lost.
      const { epoch } = (await server.server.context.storage.trailHead({ epoch: null }))!
      assert.equal(epoch, 2)
    }
    // Accepted once: what follows is the store that it is.
    assert.equal(await refusal({ location: { dataDir } }, flags), undefined)
  } finally {
    for (const folder of [dataDir, copy, outside]) await rm(folder, { recursive: true, force: true })
  }
})

eachDatabase('every call of a clean stop is in a batch of the trail, and a stop that nobody announced leaves a gap', async (store) => {
  const { app } = await fill(store)
  await using server = await startTestServer(store.location)
  const { storage } = server.server.context
  for (let i = 0; i < 3; i++) await call(server.url, app, 'ListKey', {})
  await server.server.context.settleTrail()
  const entries = await storage.readTrail({ epoch: 1, from: 0, limit: 1_000 })
  const kinds = entries.map(({ leaf }) => (JSON.parse(Buffer.from(leaf).toString()) as { kind?: string }).kind ?? 'record')
  assert.ok(kinds.includes('batch'))
  assert.equal(kinds[0], 'epoch')
  const lastGap = async () => {
    const [last] = (await storage.readTrail({ epoch: 1, from: 0, limit: 1_000 })).slice(-1)
    return JSON.parse(Buffer.from(last!.leaf).toString()) as { kind?: string; missing?: { server: string; from: number; to: null } }
  }
  const later = { before: Date.now() + 60_000, at: Date.now() }
  // Processes that are no registered servers, and have not said that they ended: a command, which serves no calls, and a server.
  const gone = async (id: string, epoch: number) => {
    const sql = `insert into trail_writers (id, epoch, started_at, next, ended) values ($1, $2, 0, 7, 0)`
    await queryDatabase(store.location, sql, [id, epoch])
  }
  await gone('00000000-2222-4333-8444-555555555555', 1)
  assert.deepEqual(await storage.closeGoneWriters(later), [])
  assert.equal((await lastGap()).kind, 'batch')
  const [writer, earlier] = ['11111111-2222-4333-8444-555555555555/calls', '22222222-2222-4333-8444-555555555555/calls']
  await gone(writer, 1)
  assert.deepEqual(await storage.closeGoneWriters(later), [writer])
  assert.deepEqual([(await lastGap()).kind, (await lastGap()).missing], ['gap', { from: 7, server: writer, to: null }])
  assert.deepEqual(await storage.closeGoneWriters(later), [])
  // The log of this epoch has none of the batches that it had in an earlier one.
  await gone(earlier, 0)
  assert.deepEqual(await storage.closeGoneWriters(later), [earlier])
  assert.deepEqual((await lastGap()).missing, { from: 0, server: earlier, to: null })
})

eachDatabase('a server that was taken for dead before its first batch goes on under another name', async (store) => {
  const [own, other] = [await store.open(), await store.open()]
  const audit = { at: 1, tenant: '', actor: 'system', action: 'StartServer', object: '', result: 'ok', requestId: '' }
  const calls = `${own.process}/calls`
  const batch = { seq: 0, at: 1, root: Buffer.alloc(32).toString('base64'), count: 1 }
  await own.beginTrailWriter({ audit, calls })
  assert.deepEqual(await other.closeGoneWriters({ before: 10, at: 10 }), [calls])
  assert.equal(await own.appendTrailBatch({ ...batch, writer: calls }), 'ended')
  assert.equal(await own.appendTrailBatch({ ...batch, writer: `${own.process}.1/calls` }), 'recorded')
  await own.endTrailWriter({ audit: { ...audit, action: 'StopServer' } })
  assert.deepEqual(await other.closeGoneWriters({ before: 10, at: 10 }), [])
})
