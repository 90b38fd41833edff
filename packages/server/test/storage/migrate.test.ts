import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'
import { SCHEMA_VERSION } from '../../src/storage/index.ts'
import { type Migration, migrations } from '../../src/storage/migrations/index.ts'
import { migrate } from '../../src/storage/migrations/migrate.ts'
import { kyselyOverSqlite } from '../../src/storage/sqlite/dialect.ts'
import { TABLES } from '../../src/storage/tables/index.ts'

/** Runs SQL on a closed store, behind the back of the storage port. */
async function behind({ location }: TestStore, statement: string): Promise<unknown[]> {
  if (location.databaseUrl === undefined) {
    using database = new DatabaseSync(join(location.dataDir, 'vouchsafe.db'))
    return database.prepare(statement).all()
  }
  const client = new Client({ connectionString: location.databaseUrl })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

eachDatabase('a store of a newer release is refused and left alone', async (store) => {
  await (await store.open())[Symbol.asyncDispose]()
  await behind(store, `insert into schema_migrations (version, name) values (999, 'future')`)
  await behind(store, 'drop table fences')
  await assert.rejects(store.open(), { name: 'StorageError', code: 'newer_schema', message: /schema version 999/ })
  const rows = await behind(store, 'select cast(version as integer) as version, name from schema_migrations order by 1')
  assert.deepEqual(
    rows.map((row) => ({ ...(row as object) })),
    [
      { version: SCHEMA_VERSION, name: 'created' },
      { version: 999, name: 'future' },
    ],
  )
  await assert.rejects(behind(store, 'select * from fences'))
  // The refusal has released the store.
  await behind(store, 'delete from schema_migrations where version = 999')
  await store.open({ role: 'operator' })
})

eachDatabase('tables that cannot be made leave an empty store, in which a later start makes them', async (store) => {
  await (await store.open())[Symbol.asyncDispose]()
  const last = TABLES.at(-1)!.name
  for (const { name } of TABLES.toReversed()) if (name !== last) await behind(store, `drop table ${name}`)
  // Only the table that is made last is left.
  await assert.rejects(store.open(), { name: 'StorageError', code: 'internal' })
  await assert.rejects(behind(store, 'select * from apps'))
  await behind(store, `drop table ${last}`)
  const storage = await store.open()
  assert.equal(await storage.countApps(), 0)
})

test('migrations bring a store of an older format up to date, each in a transaction of its own', async () => {
  using database = new DatabaseSync(':memory:')
  const db = kyselyOverSqlite(database)
  await migrate(db, 'sqlite')
  const step = (version: number, statement: string): Migration => ({
    version,
    name: `step ${version}`,
    up: async (transaction) => void (await sql.raw(statement).execute(transaction)),
  })
  const good = step(SCHEMA_VERSION + 1, 'alter table fences add column note text')
  const bad = step(SCHEMA_VERSION + 2, 'alter table nothing add column note text')
  await assert.rejects(migrate(db, 'sqlite', [...migrations, good, bad]))
  const versions = () =>
    database
      .prepare('select version from schema_migrations order by version')
      .all()
      .map(({ version }) => version)
  assert.deepEqual(versions(), [SCHEMA_VERSION, SCHEMA_VERSION + 1])
  await migrate(db, 'sqlite', [...migrations, good])
  assert.deepEqual(versions(), [SCHEMA_VERSION, SCHEMA_VERSION + 1])
  database.exec('select note from fences')
  await assert.rejects(migrate(db, 'sqlite'), { code: 'newer_schema' })
})

/** What takes a store back to the format that it had before a migration. */
const BEFORE: Readonly<Record<number, readonly string[]>> = {
  12: ['drop table marks', 'drop table manifests', 'drop table trail_beginnings', 'alter table trail_rows drop column restated'],
}

eachDatabase('a store of each older format gets the columns, indexes and triggers that a new one has', async (store) => {
  const catalogue =
    store.kind === 'sqlite'
      ? `select m.type as kind, m.name as name, coalesce(p.name, '') as col, coalesce(p.type, '') as type from sqlite_master m
          left join pragma_table_info(m.name) p on m.type = 'table' where m.name not like 'sqlite_%' order by 1, 2, 3`
      : `select 'column' as kind, table_name as name, column_name as col, data_type || coalesce(collation_name, '') || is_nullable as type
          from information_schema.columns where table_schema = current_schema()
          union all select 'index', indexname, '', indexdef from pg_indexes where schemaname = current_schema()
          union all select 'trigger', event_object_table, trigger_name, action_statement from information_schema.triggers order by 1, 2, 3`
  await (await store.open())[Symbol.asyncDispose]()
  const fresh = await behind(store, catalogue)
  for (const { version } of migrations.toReversed()) {
    for (const statement of BEFORE[version]!) await behind(store, statement)
    await behind(store, `update schema_migrations set version = ${version - 1}`)
    assert.notDeepEqual(await behind(store, catalogue), fresh)
    await (await store.open())[Symbol.asyncDispose]()
    assert.deepEqual(await behind(store, catalogue), fresh)
    await behind(store, `delete from schema_migrations where version >= ${version}`)
    await behind(
      store,
      `insert into schema_migrations (version, name) select ${version}, 'created' where not exists (select 1 from schema_migrations)`,
    )
  }
})

/** A small store that Vouchsafe 0.1 made, as SQL for SQLite. */
const STORE_0_1 = await readFile(new URL('../fixtures/store-0.1.sql', import.meta.url), 'utf8')

eachDatabase(
  'a store of Vouchsafe 0.1 is refused and left as it was',
  async (store) => {
    if (store.kind === 'sqlite') {
      using database = new DatabaseSync(join(store.location.dataDir, 'vouchsafe.db'))
      database.exec(`pragma journal_mode = wal; ${STORE_0_1}`)
    } else {
      const lines = STORE_0_1.split('\n').filter((line) => /^(create table|insert into) "?(apps|schema_migrations)\b/i.test(line))
      for (const line of lines) await behind(store, line.replace(/ strict(, without rowid)?;$/, ';'))
    }
    const content = () => behind(store, `select 'app' as kind, id as value from apps union all select name, name from schema_migrations`)
    const before = await content()
    assert.equal(before.length, 1 + 9)
    for (const role of ['server', 'operator'] as const)
      await assert.rejects(store.open({ role }), {
        name: 'StorageError',
        code: 'older_schema',
        message: /^this store was made by Vouchsafe 0\.1, before its format was settled/,
      })
    assert.deepEqual(await content(), before)
    await assert.rejects(behind(store, 'select heartbeat from servers'))
  },
  { bare: true },
)
