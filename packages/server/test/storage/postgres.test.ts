import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, type Pool } from 'pg'
import { TEST_ROW_KEYS, type TestStore, testStore } from '@vouchsafe/testkit/databases'
import { startPostgres } from '@vouchsafe/testkit/postgres'
import { eventually } from '@vouchsafe/testkit/retry'
import { PRESENCE_LOCK } from '../../src/storage/advisory-locks.ts'
import { StorageError, openStorage } from '../../src/storage/index.ts'
import { ConnectionError, toStorageError } from '../../src/storage/postgres/errors.ts'
import { kyselyOverPostgres } from '../../src/storage/postgres/dialect.ts'
import { addApp, addKey, auditRow, keyRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

const unavailable = { name: 'StorageError', code: 'unavailable' }

/** A connection of the test's own to the store's database. */
async function rawClient({ location }: TestStore) {
  const client = new Client({ connectionString: location.databaseUrl })
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

/** Waits until so many statements that contain `text` wait for a lock. */
function blocked(client: Client, text: string, count = 1): Promise<void> {
  return eventually(async () => {
    const { rows } = await client.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
      [`%${text}%`],
    )
    assert.equal(rows.length, count)
  })
}

test('after PostgreSQL has restarted the store recovers by itself, with its lock and its listener', async () => {
  await using cluster = await startPostgres()
  const options = { dataDir: '/nonexistent', databaseUrl: cluster.url }
  await using storage = await openStorage({ ...options, role: 'server' })
  storage.authenticateWith(TEST_ROW_KEYS)
  await addApp(storage)
  const acknowledged: string[] = []
  const refusals = new Set<unknown>()
  let done = false
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; !done; i++) {
      const id = `key-${writer}-${i}`
      try {
        await addKey(storage, { id })
        acknowledged.push(id)
      } catch (error) {
        refusals.add(error instanceof StorageError ? error.code : error)
      }
      await new Promise(setImmediate)
    }
  })
  const reconnected = new Promise<void>((resolve) => storage.onChange(resolve))
  await cluster.restart()
  await reconnected
  await eventually(() => storage.ping())
  done = true
  await Promise.all(writers)
  assert.deepEqual([...refusals], ['unavailable'])
  assert.equal(await storage.insertKey({ key: keyRow({ id: 'after' }), limit: 1_000_000, audit: null }), 'created')
  for (const id of acknowledged) assert.notEqual(await storage.findKey({ id }), null, id)
  await assert.rejects(openStorage({ ...options, role: 'operator' }), { code: 'locked' })
})

test('a database that does not answer is unavailable', async () => {
  const databaseUrl = 'postgres://nobody:secret@127.0.0.1:1/none'
  const error = await openStorage({ dataDir: '/nonexistent', databaseUrl, role: 'server' }).then(
    () => assert.fail('there is no database'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof StorageError)
  assert.equal(error.code, 'unavailable')
  assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secret/)
})

test('a server that has lost its presence lock to an operator command does nothing until it has it back', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  await addApp(storage)
  await using operator = await rawClient(store)
  // Waits behind the server's lock, and so is the first to get it.
  const taken = operator.client.query('select pg_advisory_lock($1)', [PRESENCE_LOCK])
  await using admin = await rawClient(store)
  await blocked(admin.client, 'pg_advisory_lock')
  await admin.client.query(
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and mode = 'ShareLock'
      and database = (select oid from pg_database where datname = current_database())`,
  )
  await taken
  await eventually(() => assert.rejects(storage.ping(), unavailable))
  await assert.rejects(storage.countApps(), unavailable)
  await assert.rejects(addKey(storage), unavailable)
  const reconnected = new Promise<void>((resolve) => storage.onChange(resolve))
  await operator.client.query('select pg_advisory_unlock($1)', [PRESENCE_LOCK])
  await reconnected
  await addKey(storage)
})

test('a commit waits for the disk even where the database is set not to', async () => {
  await using store = await testStore('postgres')
  await using raw = await rawClient(store)
  await raw.client.query(`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`)
  const storage = await store.open()
  await raw.client.query(`
    create table seen (setting text);
    create function see() returns trigger language plpgsql as
      $$ begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
    create trigger see after insert on trail_entries execute function see()`)
  await storage.appendAudit({ rows: [auditRow()] })
  assert.deepEqual((await raw.client.query('select distinct setting from seen')).rows, [{ setting: 'on' }])
})

test('a commit that fails is an error, and nothing is stored', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  await addApp(storage)
  await using raw = await rawClient(store)
  await raw.client.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
    create constraint trigger refuse after insert on keys deferrable initially deferred for each row execute function refuse()`)
  await assert.rejects(storage.insertKey({ key: keyRow(), limit: 9, audit: auditRow() }), { name: 'StorageError', code: 'internal' })
  assert.equal(await storage.findKey({ id: 'key' }), null)
  assert.deepEqual(await listRecords(storage, { after: 0, limit: 9 }), [])
  await raw.client.query('drop trigger refuse on keys')
  await addKey(storage)
})

test('a transaction whose failure was swallowed does not pass for committed', async () => {
  await using store = await testStore('postgres')
  await store.open()
  await using raw = await rawClient(store)
  const pool = { connect: async () => Object.assign(raw.client, { release() {} }) } as unknown as Pool
  const committing = kyselyOverPostgres(pool)
    .transaction()
    .execute(async (transaction) => {
      const row = { name: 'epoch', value: 1 } as const
      await transaction
        .insertInto('counters')
        .values(row)
        .execute()
        .catch(() => {})
    })
  await assert.rejects(committing, /rolled back instead of committed/)
})

test('a transaction that loses a deadlock is repeated', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  await addApp(storage)
  await addKey(storage, { id: 'a' })
  await addKey(storage, { id: 'b' })
  await using raw = await rawClient(store)
  await raw.client.query(`set deadlock_timeout = '1h'`)
  await raw.client.query(`begin; select from keys where id = 'b' for update`)
  const counting = storage.addEncryptions({
    counts: [
      ['a', 1],
      ['b', 1],
    ],
  })
  await using watcher = await rawClient(store)
  await blocked(watcher.client, 'for no key update')
  // Closes the circle; the store's side notices first and gives way.
  await raw.client.query(`select from keys where id = 'a' for update`)
  await raw.client.query('commit')
  await counting
  for (const id of ['a', 'b']) assert.equal((await storage.findKey({ id }))?.encryptions, 1)
})

test('a fence that is raised while a server is entering waits for it, and is then refused', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  const { epoch } = await storage.registerServer({ id: 'first', at: 1, recordLimit: 10 })
  await using raw = await rawClient(store)
  await raw.client.query(`begin; update counters set value = value + 1 where name = 'epoch'`)
  const raising = storage.raiseFences({ serverId: 'first', epoch, fences: [['app', 9]] })
  await using watcher = await rawClient(store)
  await blocked(watcher.client, 'for share')
  await raw.client.query('commit')
  assert.equal(await raising, 'epoch')
  assert.deepEqual((await storage.registerServer({ id: 'second', at: 1, recordLimit: 10 })).fences, [])
})

test('a server that records while it is being expelled waits for that, and is then told', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  const { epoch } = await storage.registerServer({ id: 'slow', at: 1, recordLimit: 10 })
  await using raw = await rawClient(store)
  await raw.client.query(`begin; delete from servers where id = 'slow'`)
  const recording = storage.insertReplayRecords({ serverId: 'slow', records: [['app', 1, new Uint8Array(8)]] })
  const raising = storage.raiseFences({ serverId: 'slow', epoch, fences: [['app', 9]] })
  await using watcher = await rawClient(store)
  await blocked(watcher.client, 'for key share', 2)
  await raw.client.query('commit')
  assert.deepEqual([await recording, await raising], ['expelled', 'expelled'])
})

test('a server that stops while another enters waits for it, and leaves the fences alone', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  const { epoch } = await storage.registerServer({ id: 'first', at: 1, recordLimit: 10 })
  await storage.raiseFences({ serverId: 'first', epoch, fences: [['app', 2_000]] })
  await using raw = await rawClient(store)
  // A registration that has got as far as the epoch: the one that stops must wait for it, and see it.
  await raw.client.query(`begin; insert into servers values ('second', 0, 1, 0);
    update counters set value = value + 1 where name = 'epoch'`)
  const stopping = storage.unregisterServer({ id: 'first', fences: [['app', 1_000]] })
  await using watcher = await rawClient(store)
  await blocked(watcher.client, 'for update')
  await raw.client.query('commit')
  await stopping
  assert.deepEqual((await storage.registerServer({ id: 'third', at: 1, recordLimit: 10 })).fences, [['app', 2_000]])
})

test('a connection that has failed is not used again', async () => {
  const released: unknown[] = []
  const client = {
    query: () => Promise.reject(new Error('Query read timeout')),
    release: (broken: unknown) => released.push(broken),
  }
  const db = kyselyOverPostgres({ connect: async () => client } as unknown as Pool)
  await assert.rejects(db.selectFrom('apps').selectAll().execute(), ConnectionError)
  assert.deepEqual(released, [true])
})

test('a statement that waits too long for a lock is unavailable', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  await addApp(storage)
  await using raw = await rawClient(store)
  await raw.client.query(`begin; select from apps for update`)
  await assert.rejects(storage.updateApp({ id: 'app', set: { enabled: false }, at: 1, audit: null }), unavailable)
  await raw.client.query('rollback')
  assert.equal((await storage.findApp({ id: 'app' }))?.app.enabled, true)
})

test('an error that is not of the database or its connection is internal', () => {
  assert.equal(toStorageError(new TypeError('a defect')).code, 'internal')
  assert.equal(toStorageError(new ConnectionError('gone')).code, 'unavailable')
})

test('what a restore that was cut short has left is emptied all at once, not row by row', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open({ role: 'operator' })
  assert.equal(await storage.beginRestore(), 'ready')
  await addApp(storage)
  await using raw = await rawClient(store)
  await raw.client.query(`create function no_row() returns trigger language plpgsql as $$ begin raise exception 'row by row'; end $$`)
  await raw.client.query(`create trigger no_row before delete on apps for each row execute function no_row()`)
  assert.equal(await storage.beginRestore(), 'ready')
  assert.equal(await storage.countApps(), 0)
})

test('a statement of a backup may take longer than one that a request waits for', async () => {
  await using store = await testStore('postgres')
  const storage = await store.open()
  await using raw = await rawClient(store)
  await raw.client.query('alter table used_nonces rename to others')
  await raw.client.query(`create view used_nonces as select current_setting('statement_timeout') as digest, 1 as expires_at`)
  await using snapshot = await storage.openSnapshot()
  for await (const rows of snapshot.rows('used_nonces')) assert.deepEqual(rows, [{ digest: '30min', expires_at: 1 }])
})
