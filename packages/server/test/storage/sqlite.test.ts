import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { TEST_ROW_KEYS, testStore } from '@vouchsafe/testkit/databases'
import { openStorage } from '../../src/storage/index.ts'
import { migrate } from '../../src/storage/migrations/migrate.ts'
import { operationContext } from '../../src/storage/operation.ts'
import { operations } from '../../src/storage/operations/index.ts'
import { RowAuthenticator } from '../../src/storage/row-authenticator.ts'
import { WriterNumbers } from '../../src/storage/writer-numbers.ts'
import { openForWriting } from '../../src/storage/sqlite/database.ts'
import { kyselyOverSqlite } from '../../src/storage/sqlite/dialect.ts'
import { type Call, runGroup } from '../../src/storage/sqlite/group.ts'
import { Writer } from '../../src/storage/sqlite/writer.ts'
import { addApp, apiKeyRow, appRow, auditRow, keyRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

/** A migrated database in a directory of its own, as the storage thread has it. */
async function migrated() {
  const resources = new DisposableStack()
  const directory = resources.adopt(mkdtempSync(join(tmpdir(), 'vouchsafe-sqlite-')), (path) => rmSync(path, { recursive: true }))
  const path = join(directory, 'vouchsafe.db')
  const database = resources.use(openForWriting(path))
  const db = kyselyOverSqlite(database)
  await migrate(db, 'sqlite')
  const authenticator = new RowAuthenticator()
  authenticator.use(TEST_ROW_KEYS)
  return {
    path,
    database,
    db,
    services: { authenticator, numbers: new WriterNumbers('test') },
    [Symbol.dispose]: () => resources.dispose(),
  }
}

const insertApp: Call = {
  name: 'insertApp',
  args: { app: appRow(), apiKey: apiKeyRow(), defaultKey: keyRow({ id: 'default', isDefault: true }), limit: 9, audit: null },
}

function insertKey(id: string, material = new Uint8Array(32)): Call {
  return { name: 'insertKey', args: { key: keyRow({ id, material }), limit: 1_000, audit: null } }
}

function codes(outcomes: Awaited<ReturnType<typeof runGroup>>): unknown[] {
  return outcomes.map((outcome) => ('result' in outcome ? outcome.result : outcome.error.code))
}

test('an operation that fails inside a group undoes itself alone', async () => {
  using store = await migrated()
  const group = [insertApp, insertKey('one'), insertKey('one'), insertKey('two')]
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, group)), ['created', 'created', 'internal', 'created'])
  const { key_count } = store.database.prepare('select key_count from apps').get() ?? {}
  assert.equal(key_count, 2)
})

test('a disk that is full refuses what did not fit, keeps what was stored, and the database stays usable', async () => {
  using store = await migrated()
  await runGroup(store.database, store.db, store.services, [insertApp, insertKey('kept')])
  const { page_count: pages } = store.database.prepare('pragma page_count').get() ?? {}
  store.database.exec(`pragma max_page_count = ${Number(pages) + 2}`)
  const group = [insertKey('small'), insertKey('huge', new Uint8Array(1_000_000)), insertKey('small too')]
  const outcomes = codes(await runGroup(store.database, store.db, store.services, group))
  assert.equal(outcomes[1], 'full')
  const answered = outcomes.flatMap((outcome, i) => (outcome === 'created' ? (group[i]?.args as { key: { id: string } }).key.id : []))
  const stored = await operations.listKeys.run(
    store.db,
    { appId: 'app', after: null, limit: 10 },
    operationContext('sqlite', store.services),
  )
  assert.deepEqual(stored.map((key) => key.id).toSorted(), ['kept', ...answered].toSorted())
  store.database.exec('pragma max_page_count = 1000000')
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, [insertKey('later')])), ['created'])
})

test('a commit that fails fails the whole group, and the next group goes through', async () => {
  using store = await migrated()
  await runGroup(store.database, store.db, store.services, [insertApp])
  // A constraint that SQLite checks when it commits.
  store.database.exec(`create table parent (id integer primary key);
    create table child (id integer references parent (id) deferrable initially deferred);
    create trigger broken after insert on keys begin insert into child values (7); end`)
  const group = [insertKey('one'), insertKey('two')]
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, group)), ['internal', 'internal'])
  assert.equal(store.database.isTransaction, false)
  store.database.exec('drop trigger broken')
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, group)), ['created', 'created'])
})

test('a database that another process keeps locked is unavailable, and nothing is stored', async () => {
  using store = await migrated()
  await runGroup(store.database, store.db, store.services, [insertApp])
  using other = new DatabaseSync(store.path)
  store.database.exec('pragma busy_timeout = 0')
  other.exec('begin immediate')
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, [insertKey('one')])), ['unavailable'])
  other.exec('rollback')
  assert.deepEqual(codes(await runGroup(store.database, store.db, store.services, [insertKey('one')])), ['created'])
})

test('a commit is synchronous, in WAL mode', async () => {
  using store = await migrated()
  assert.deepEqual({ ...store.database.prepare('pragma synchronous').get() }, { synchronous: 2 })
  assert.deepEqual({ ...store.database.prepare('pragma journal_mode').get() }, { journal_mode: 'wal' })
})

test('more writes than fit in a group are all done', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  await addApp(storage)
  const results = await Promise.all(
    Array.from({ length: 700 }, (_, i) => storage.insertKey({ key: keyRow({ id: `key-${i}` }), limit: 699, audit: null })),
  )
  assert.deepEqual(results, [...Array.from({ length: 699 }, () => 'created'), 'limit'])
})

test('an operation that cannot be sent to the storage thread fails, and later ones go through', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const unsendable = auditRow({ detail: (() => {}) as unknown as string })
  await assert.rejects(storage.appendAudit({ rows: [unsendable] }), { name: 'StorageError', code: 'internal' })
  await storage.appendAudit({ rows: [auditRow()] })
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 1)
})

test('when the storage thread has ended, writes are unavailable', async () => {
  const writer = Writer.start({ path: '/nonexistent/vouchsafe.db', process: 'test', state: new SharedArrayBuffer(8) }, () => {})
  await assert.rejects(writer.run('latestChange', undefined), { name: 'StorageError', code: 'unavailable' })
  await assert.rejects(writer.run('latestChange', undefined), { name: 'StorageError', code: 'unavailable' })
  await writer.close()
})

test('the store is private to its user', async () => {
  await using store = await testStore('sqlite')
  const dataDir = join(store.location.dataDir, 'new', 'data')
  await using storage = await openStorage({ dataDir, role: 'server' })
  storage.authenticateWith(TEST_ROW_KEYS)
  await addApp(storage)
  assert.equal(statSync(dataDir).mode & 0o777, 0o700)
  const files = readdirSync(dataDir).toSorted()
  assert.deepEqual(files, ['init.lock', 'store.lock', 'vouchsafe.db', 'vouchsafe.db-shm', 'vouchsafe.db-wal'])
  for (const file of files) assert.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600, file)
})

test('a store that cannot be made is unavailable', async () => {
  await using store = await testStore('sqlite')

  const dataDir = join(store.location.dataDir, 'file')
  new DatabaseSync(dataDir).exec('create table t (x)')
  await assert.rejects(openStorage({ dataDir, role: 'server' }), { name: 'StorageError', code: 'unavailable' })
})

test('a change is seen by a reader that has been open all along', async () => {
  await using store = await testStore('sqlite')
  const [writer, reader] = [await store.open(), await store.open()]
  assert.equal(await reader.countApps(), 0)
  await addApp(writer)
  assert.equal(await reader.countApps(), 1)
})
