// The table files say all there is to say of a table: the databases have what they describe, every sealed column can be re-wrapped and is guarded,
// and what they call authenticated is what a MAC or a signature covers.
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { test } from 'node:test'
import { certificateFields, crlFields } from '../../src/attestation/certificates/signed-fields.ts'
import { baselineFields } from '../../src/attestation/baselines/baseline-fields.ts'
import { policyFields } from '../../src/attestation/policies/policy-fields.ts'
import { domainKeyMac } from '../../src/envelope/domain-key.ts'
import { SEALED_COLUMNS } from '../../src/operator/sealed-columns.ts'
import { BACKUP_TABLES } from '../../src/storage/backup-tables.ts'
import type { DomainKeyRow } from '../../src/storage/index.ts'
import { SIGNATURE_COLUMNS } from '../../src/storage/row-signature.ts'
import { SEALED_TABLE_NAMES, SEALED_TABLES, type SealedTableName } from '../../src/storage/sealed-tables.ts'
import { type AnyTable, isMacTable, snakeCase } from '../../src/storage/table.ts'
import { MAC_TABLES, TABLES } from '../../src/storage/tables/index.ts'
import { plausibleRow } from '../support/plausible-row.ts'

const ALL: readonly AnyTable[] = TABLES

/** What each type of column is called by the databases. */
const TYPES = {
  sqlite: { text: 'TEXT', integer: 'INTEGER', flag: 'INTEGER', blob: 'BLOB', serial: 'INTEGER' },
  postgres: { text: 'text', integer: 'bigint', flag: 'smallint', blob: 'bytea', serial: 'bigint' },
}

interface FoundColumn {
  table: string
  column: string
  type: string
  nullable: boolean
}

/** Every column of the store, from the database's own catalogue. */
async function columnsOf({ kind, location }: TestStore): Promise<FoundColumn[]> {
  const rows = await queryDatabase(
    location,
    kind === 'sqlite'
      ? `select m.name as tab, p.name as col, p.type as type, p."notnull" = 0 as nullable
          from sqlite_master m join pragma_table_info(m.name) p where m.type = 'table' and m.name not like 'sqlite_%'`
      : `select table_name as tab, column_name as col, data_type as type, case is_nullable when 'YES' then 1 else 0 end as nullable
          from information_schema.columns where table_schema = current_schema()`,
  )
  return rows.map(({ tab, col, type, nullable }) => ({
    table: String(tab),
    column: String(col),
    type: kind === 'sqlite' ? String(type).toUpperCase() : String(type),
    nullable: nullable === 1,
  }))
}

const sorted = (columns: FoundColumn[]): FoundColumn[] =>
  columns.toSorted((a, b) => `${a.table}.${a.column}`.localeCompare(`${b.table}.${b.column}`))

eachDatabase('the database has exactly the columns that the table files describe', async (store) => {
  await store.open()
  const described = ALL.flatMap(({ name, stored }) =>
    Object.entries(stored).map(([column, { type, nullable }]) => ({
      table: name,
      column: snakeCase(column),
      type: TYPES[store.kind][type],
      // SQLite calls a row id nullable, which it never is.
      nullable: nullable || (type === 'serial' && store.kind === 'sqlite'),
    })),
  )
  assert.deepEqual(sorted(await columnsOf(store)), sorted(described))
})

eachDatabase('sealed columns and MACs have a domain version beside them, and a guard against retired domain keys', async (store) => {
  await store.open()
  const columns = await columnsOf(store)
  const withColumn = (name: string) => columns.filter(({ column }) => column === name).map(({ table }) => table)
  const versioned = withColumn('domain_version')
  assert.deepEqual(SEALED_TABLE_NAMES.toSorted(), versioned.toSorted())
  assert.deepEqual(Object.keys(SEALED_COLUMNS).toSorted(), versioned.toSorted())
  const triggers = await queryDatabase(
    store.location,
    store.kind === 'sqlite'
      ? `select distinct tbl_name as name from sqlite_master where type = 'trigger'`
      : `select distinct event_object_table as name from information_schema.triggers`,
  )
  // The trail makes its MACs again itself, when a domain key is retired.
  const ofRows = withColumn('mac_version').filter((name) => !name.startsWith('trail_') || MAC_TABLES.has(name))
  assert.deepEqual([...MAC_TABLES.keys()].toSorted(), ofRows.toSorted())
  const guarded = new Set([...versioned, ...MAC_TABLES.keys()])
  assert.deepEqual(triggers.map(({ name }) => String(name)).toSorted(), [...guarded].toSorted())
})

test('bytes of a sealed table are its blob, or known to be no secret', () => {
  for (const { name, columns, blob } of SEALED_TABLES.values()) {
    const bytes = Object.keys(columns).filter((column) => columns[column]!.type === 'blob')
    assert.deepEqual(
      bytes.filter((column) => !['fingerprint', 'certificate'].includes(column)),
      [blob],
      name,
    )
  }
})

eachDatabase('the order of the tables puts every row after those that it refers to', async (store) => {
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
    assert.ok(order.includes(parent) && order.indexOf(parent) < order.indexOf(child), `${parent} before ${child}`)
  }
})

test('no row goes with another one, unnoticed by the trail', () => {
  for (const { name, columns } of ALL) for (const { constraint } of Object.values(columns)) assert.doesNotMatch(constraint, /cascade/, name)
})

test('a table that no backup holds, or that nothing authenticates, says why', () => {
  for (const { name, backup, authenticated } of ALL) {
    if (!backup.held) assert.ok(backup.because.length > 5, name)
    if (authenticated.by === 'nothing') assert.ok(authenticated.because.length > 5, name)
    if (authenticated.by === 'mac') assert.ok((authenticated.unrecorded ?? 'recorded').length > 5, name)
  }
})

/** Columns that are part of what authenticates a row: one that is changed makes the row fail. */
const AUTHENTICATING = ['mac']

eachDatabase('every column is covered by its row’s MAC or signature, or its table says why not', async (store) => {
  await store.open()
  for (const { table, column } of await columnsOf(store)) {
    const { authenticated, stored, primaryKey } = ALL.find(({ name }) => name === table)!
    if (authenticated.by === 'nothing') continue
    const name = Object.keys(stored).find((each) => snakeCase(each) === column)!
    const reason = (authenticated.except as Record<string, string> | undefined)?.[name]
    const covered = authenticated.by === 'mac' || [...authenticated.columns, ...AUTHENTICATING].includes(name)
    if (reason === undefined) assert.ok(covered, `${table}.${column} is neither covered nor excepted`)
    else {
      assert.ok(reason.length > 5 && !primaryKey.includes(name), `${table}.${column}`)
      assert.ok(authenticated.by === 'mac' || !authenticated.columns.includes(name), `${table}.${column} is covered and excepted`)
    }
  }
})

test('exceptions are columns of their tables', () => {
  for (const { name, columns, authenticated } of ALL) {
    const except = authenticated.by === 'nothing' ? {} : (authenticated.except ?? {})
    for (const column of Object.keys(except)) assert.ok(column in columns, `${name}.${column}`)
  }
})

/** The row's properties that a function looks at. */
function used(row: object, fn: (row: never) => unknown): string[] {
  const names = new Set<string>()
  const watched = new Proxy(row, {
    get(target, name) {
      names.add(String(name))
      return Reflect.get(target, name) as unknown
    },
  })
  fn(watched as never)
  return [...names]
}

test('what identifies a sealed blob is the key of its row, among others', () => {
  for (const name of SEALED_TABLE_NAMES) {
    const { sealedWith, ...table } = SEALED_TABLES.get(name)!
    const owner = sealedWith && { [sealedWith.property]: plausibleRow(sealedWith.columns) }
    const identity = SEALED_COLUMNS[name as SealedTableName].identity as (row: never) => unknown
    // An owner is bound by its id, among others.
    const bound = used({ ...plausibleRow(table), ...owner }, identity).map((column) =>
      column === sealedWith?.property ? sealedWith.by : column,
    )
    for (const column of table.primaryKey) assert.ok(bound.includes(column), `${name}.${column}`)
    assert.ok(isMacTable(table), name)
  }
})

test('a signature covers every column but itself, its mark, and a text whose hash it covers', () => {
  const signed: Record<string, (row: never) => unknown> = {
    certificates: certificateFields,
    crls: crlFields,
    policies: policyFields,
    baselines: baselineFields,
  }
  const isSigned = ({ columns }: AnyTable) => Object.keys(SIGNATURE_COLUMNS).every((name) => name in columns)
  const found = ALL.filter(isSigned).map(({ name }) => name)
  assert.deepEqual(Object.keys(signed).toSorted(), found.toSorted())
  for (const [name, fields] of Object.entries(signed)) {
    const table = ALL.find((each) => each.name === name)!
    const { authenticated } = table
    assert.ok(authenticated.by === 'mac', name)
    const excepted = Object.keys({ ...SIGNATURE_COLUMNS, ...authenticated.except })
    const covered = Object.keys(table.columns).filter((column) => !excepted.includes(column))
    assert.deepEqual(covered.toSorted(), used(plausibleRow(table), fields).toSorted(), name)
  }
})

test('what the domain keys call authenticated is what their MAC covers', () => {
  const found = (ALL as AnyTable[]).flatMap(({ authenticated }) => (authenticated.by === 'signature' ? [authenticated.columns] : []))
  const mac = (row: DomainKeyRow) => domainKeyMac(createSecretKey(Buffer.alloc(32)), row)
  const covered = used(plausibleRow(ALL.find(({ name }) => name === 'domain_keys')!), mac)
  assert.deepEqual(
    found.map((columns) => columns.toSorted()),
    [covered.toSorted()],
  )
})
