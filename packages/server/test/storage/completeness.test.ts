// Nothing may be forgotten when a table is added: what is sealed is re-wrapped by a rotation, and everything is in a backup or left out for a
// reason. The schema itself says what there is.
import assert from 'node:assert/strict'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { SEALED_COLUMNS } from '../../src/operator/sealed-columns.ts'
import { BACKUP_TABLES, TABLES_LEFT_OUT } from '../../src/storage/backup-tables.ts'
import { SEALED_TABLES } from '../../src/storage/sealed-tables.ts'

/** Every table of the store with its columns and whether each holds bytes, from the database's own catalogue. */
async function tablesOf({ kind, location }: TestStore): Promise<Map<string, { column: string; bytes: boolean }[]>> {
  const rows = await queryDatabase(
    location,
    kind === 'sqlite'
      ? `select m.name as name, p.name as col, p.type as type from sqlite_master m join pragma_table_info(m.name) p
          where m.type = 'table' and m.name not like 'sqlite_%'`
      : `select table_name as name, column_name as col, data_type as type from information_schema.columns where table_schema = current_schema()`,
  )
  const tables = new Map<string, { column: string; bytes: boolean }[]>()
  for (const { name, col, type } of rows as { name: string; col: string; type: string }[]) {
    tables.set(name, [...(tables.get(name) ?? []), { column: col, bytes: /^(blob|bytea)$/i.test(type) }])
  }
  return tables
}

eachDatabase('every table is in the backup, or left out for a reason', async (store) => {
  await store.open()
  const known = [...BACKUP_TABLES, ...Object.keys(TABLES_LEFT_OUT)]
  assert.deepEqual(known.toSorted(), [...(await tablesOf(store)).keys()].toSorted())
  assert.equal(new Set(known).size, known.length)
})

eachDatabase('every table with a domain version is re-wrapped by a rotation, and guarded against retired domain keys', async (store) => {
  await store.open()
  const tables = await tablesOf(store)
  const sealed = [...tables].filter(([, columns]) => columns.some(({ column }) => column === 'domain_version')).map(([name]) => name)
  assert.deepEqual(Object.keys(SEALED_TABLES).toSorted(), sealed.toSorted())
  assert.deepEqual(Object.keys(SEALED_COLUMNS).toSorted(), sealed.toSorted())
  for (const [table, { blob, primaryKey }] of Object.entries(SEALED_TABLES)) {
    // Digests and certificates are no secrets.
    const bytes = tables.get(table)!.filter(({ column, bytes }) => bytes && !['fingerprint', 'certificate'].includes(column))
    assert.deepEqual(
      bytes.map(({ column }) => column),
      [blob],
      `${table} has one sealed column`,
    )
    for (const column of primaryKey) assert.ok(tables.get(table)!.some((each) => each.column === column))
  }
  const triggers = await queryDatabase(
    store.location,
    store.kind === 'sqlite'
      ? `select distinct tbl_name as name from sqlite_master where type = 'trigger'`
      : `select distinct event_object_table as name from information_schema.triggers`,
  )
  assert.deepEqual(triggers.map(({ name }) => String(name)).toSorted(), sealed.toSorted())
})

eachDatabase('the order of the backup puts every row after those that it refers to', async (store) => {
  await store.open()
  const references = await queryDatabase(
    store.location,
    store.kind === 'sqlite'
      ? `select m.name as child, f."table" as parent from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table'`
      : `select conrelid::regclass::text as child, confrelid::regclass::text as parent from pg_constraint where contype = 'f'`,
  )
  assert.ok(references.length > 0)
  const order = BACKUP_TABLES as readonly string[]
  for (const { child, parent } of references as { child: string; parent: string }[]) {
    assert.ok(order.indexOf(parent) < order.indexOf(child), `${parent} before ${child}`)
  }
})
