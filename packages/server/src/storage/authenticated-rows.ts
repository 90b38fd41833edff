/**
 * The only way to the rows of tables with MACs. What is read is verified, and what is changed is read and verified first, so that an altered
 * row is neither used nor made valid by a later change. What is asked for by name and was altered is an error; in a list it is left out, or
 * marked where its owner is shown it. Only what uses nothing of a row takes it as it is: its deletion by name, and its replacement.
 *
 * Counts, and whether some row is there, may be read without: they refuse, or say when to look, and permit nothing.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Column, ColumnType } from './column.ts'
import { type AlteredRow, StorageError } from './error.ts'
import type { ManifestMember } from './manifest-digest.ts'
import { type Db, type OperationContext, chunks } from './operation.ts'
import { type StoredRow, digestOf } from './row-authenticator.ts'
import { type AnyMacTable, type RowOf, type StoredOf, snakeCase } from './table.ts'

/** A query for whole rows of a table, locked where it matters. */
interface Rows<T extends AnyMacTable> {
  execute(): Promise<Selectable<StoredOf<T>>[]>
}

/** A verified row, read to be changed: with the values that it was verified by. */
export interface HeldRow<T extends AnyMacTable = AnyMacTable> {
  readonly row: RowOf<T>
  readonly stored: StoredRow
}

/**
 * The row, verified.
 * @throws {StorageError} `altered`
 */
export function verifiedRow<T extends AnyMacTable>(context: OperationContext, table: T, stored: Selectable<StoredOf<T>>): RowOf<T> {
  if (!context.authenticator.verifies(table, stored as StoredRow)) throw StorageError.altered(nameOf(table, stored as StoredRow))
  return table.unverified.fromColumns(stored as never) as RowOf<T>
}

/** The rows without those that were altered, which are noted. */
export function verifiedRows<T extends AnyMacTable>(
  context: OperationContext,
  table: T,
  rows: readonly Selectable<StoredOf<T>>[],
): RowOf<T>[] {
  return rows.flatMap((stored) =>
    isIntact(context, table, stored as StoredRow) ? [table.unverified.fromColumns(stored as never) as RowOf<T>] : [],
  )
}

/** All of the rows, of a table with marks: those that were altered are noted, and come with the mark. */
export function markedRows<T extends AnyMacTable & { columns: { altered: Column<boolean, 0 | 1> } }>(
  context: OperationContext,
  table: T,
  rows: readonly Selectable<StoredOf<T>>[],
): RowOf<T>[] {
  return rows.map((stored) => {
    const row = table.unverified.fromColumns(stored as never) as RowOf<T>
    return isIntact(context, table, stored as StoredRow) ? row : { ...row, altered: true }
  })
}

/**
 * A page of rows without those that were altered, and full nevertheless where there are more: a short page is the last one.
 * @param read a query for up to `limit` rows from the page's start, or after the last row that was read
 */
export async function verifiedPage<T extends AnyMacTable>(
  context: OperationContext,
  table: T,
  limit: number,
  read: (last: Selectable<StoredOf<T>> | null, limit: number) => Rows<T>,
): Promise<RowOf<T>[]> {
  const page: RowOf<T>[] = []
  for (let last: Selectable<StoredOf<T>> | null = null; ;) {
    const asked = limit - page.length
    const rows = await read(last, asked).execute()
    page.push(...verifiedRows(context, table, rows))
    if (rows.length < asked || page.length === limit) return page
    last = rows.at(-1)!
  }
}

/**
 * The one row that a query finds, verified.
 * @throws {StorageError} `altered`
 */
export async function findRow<T extends AnyMacTable>(context: OperationContext, table: T, query: Rows<T>): Promise<RowOf<T> | undefined> {
  return (await holdRow(context, table, query))?.row
}

/** As {@link findRow}, for a row that is to be changed; the query locks it. */
export async function holdRow<T extends AnyMacTable>(context: OperationContext, table: T, query: Rows<T>): Promise<HeldRow<T> | undefined> {
  const [stored] = await query.execute()
  return stored === undefined ? undefined : { row: verifiedRow(context, table, stored), stored: stored as StoredRow }
}

/**
 * All rows that a query finds and locks.
 * @throws {StorageError} `altered`
 */
export async function holdEach<T extends AnyMacTable>(context: OperationContext, table: T, query: Rows<T>): Promise<HeldRow<T>[]> {
  return (await query.execute()).map((stored) => ({ row: verifiedRow(context, table, stored), stored: stored as StoredRow }))
}

/** The rows that a query finds and locks, without those that were altered. */
export async function holdRows<T extends AnyMacTable>(context: OperationContext, table: T, query: Rows<T>): Promise<HeldRow<T>[]> {
  const rows = (await query.execute()) as StoredRow[]
  return rows
    .filter((stored) => isIntact(context, table, stored))
    .map((stored) => ({ row: table.unverified.fromColumns(stored as never) as RowOf<T>, stored }))
}

function isIntact(context: OperationContext, table: AnyMacTable, stored: StoredRow): boolean {
  if (context.authenticator.verifies(table, stored)) return true
  context.alteredRows.push(nameOf(table, stored))
  return false
}

/**
 * Stores a new row. One that is there already is an error of the database, unless its columns `unlessThere` are the same: then nothing is done,
 * and false returned.
 */
export async function insertRow<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  row: RowOf<T>,
  unlessThere?: readonly (keyof RowOf<T> & string)[],
): Promise<boolean> {
  const columns = table.unverified.toColumns(row as never) as StoredRow
  const stored = context.authenticator.seal(table, { ...columns, revision: 1 })
  const names = Object.keys(stored)
  const conflict =
    unlessThere === undefined ? sql`` : sql`on conflict (${sql.join(unlessThere.map((name) => sql.ref(snakeCase(name))))}) do nothing`
  const { numAffectedRows } = await sql`
    insert into ${sql.table(table.name)} (${sql.join(names.map((name) => sql.ref(name)))})
    values (${sql.join(names.map((name) => stored[name]))}) ${conflict}`.execute(db)
  if (numAffectedRows === 0n) return false
  note(context, table, null, stored)
  return true
}

/** Sets properties of a row that this transaction holds. */
export function changeRow<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  held: HeldRow<T>,
  set: Partial<RowOf<T>>,
): Promise<void> {
  return changeRows(db, context, table, [held], set)
}

/** Sets the same properties in all of these rows. */
export function changeRows<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  held: readonly HeldRow<T>[],
  set: Partial<RowOf<T>>,
): Promise<void> {
  return changeEach(
    db,
    context,
    table,
    held.map((each) => ({ held: each, set })),
  )
}

/** Sets the same properties in each of these rows, to values of its own. */
export async function changeEach<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  changes: readonly { held: HeldRow<T>; set: Partial<RowOf<T>> }[],
): Promise<void> {
  const names = Object.entries(changes[0]?.set ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [snakeCase(name)]))
  const changed = changes.map(({ held: { row, stored }, set }) => {
    const columns = table.unverified.toColumns({ ...row, ...set } as never) as StoredRow
    const assigned = Object.fromEntries(names.map((name) => [name, columns[name]!]))
    return context.authenticator.seal(table, { ...stored, ...assigned, revision: (stored['revision'] as number) + 1 })
  })
  await writeRows(db, context, table, changed, [...names, 'revision'])
  for (const [i, stored] of changed.entries()) note(context, table, changes[i]!.held.stored, stored)
}

/** Replaces all that the row says which a query finds and locks, if there is one; it may have been altered, as nothing of it is used. */
export async function replaceRow<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  query: Rows<T>,
  row: RowOf<T>,
): Promise<boolean> {
  const [stored] = await query.execute()
  if (stored === undefined) return false
  await changeRow(db, context, table, { row, stored: stored as StoredRow }, row)
  return true
}

/** Puts rows that this transaction holds under the current key again, with other blobs where `set` has them: no change of what they say. */
export function resealRows(
  db: Db,
  context: OperationContext,
  table: AnyMacTable,
  rows: readonly { stored: StoredRow; set?: StoredRow }[],
): Promise<void> {
  const resealed = rows.map(({ stored, set }) => context.authenticator.seal(table, { ...stored, ...set }))
  const replaced = table.blob === null ? [] : [snakeCase(table.blob), 'domain_version']
  return writeRows(db, context, table, resealed, replaced)
}

/** Writes the named columns, and the MACs, of rows that are there. */
async function writeRows(
  db: Db,
  context: OperationContext,
  table: AnyMacTable,
  rows: readonly StoredRow[],
  names: readonly string[],
): Promise<void> {
  const keyNames = table.primaryKey.map(snakeCase)
  const written = [...names, 'mac_version', 'mac']
  const [only] = rows
  if (only !== undefined && rows.length === 1) {
    const assignments = written.map((name) => sql`${sql.ref(name)} = ${only[name]}`)
    const here = keyNames.map((name) => sql`${sql.ref(name)} = ${only[name]}`)
    await sql`update ${sql.table(table.name)} set ${sql.join(assignments)} where ${sql.join(here, sql` and `)}`.execute(db)
    return
  }
  const typed = typing(context, table)
  const given = [...keyNames, ...written]
  for (const chunk of chunks(rows)) {
    const values = chunk.map((row) => sql`(${sql.join(given.map((name) => typed(name, row[name])))})`)
    const assignments = written.map((name) => sql`${sql.ref(name)} = ${sql.ref(`given.${name}`)}`)
    const here = keyNames.map((name) => sql`${sql.ref(`${table.name}.${name}`)} = ${sql.ref(`given.${name}`)}`)
    await sql`
      with given (${sql.join(given.map((name) => sql.ref(name)))}) as (values ${sql.join(values)})
      update ${sql.table(table.name)} set ${sql.join(assignments)} from given where ${sql.join(here, sql` and `)}`.execute(db)
  }
}

/** PostgreSQL takes parameters in VALUES for text; SQLite has no types to cast to. */
function typing({ dialect }: OperationContext, table: AnyMacTable): (name: string, value: unknown) => RawBuilder<unknown> {
  if (dialect === 'sqlite') return (_name, value) => sql`${value}`
  const types = new Map(Object.entries(table.stored).map(([name, { type }]) => [snakeCase(name), sql.raw(POSTGRES_TYPES[type])]))
  return (name, value) => sql`cast(${value} as ${types.get(name)!})`
}

const POSTGRES_TYPES: Record<ColumnType, string> = { text: 'text', integer: 'bigint', flag: 'smallint', blob: 'bytea', serial: 'bigint' }

/** Deletes rows that this transaction holds. */
export async function deleteRows<T extends AnyMacTable>(
  db: Db,
  context: OperationContext,
  table: T,
  held: readonly HeldRow<T>[],
): Promise<void> {
  const keyNames = table.primaryKey.map(snakeCase)
  const key = sql.join(keyNames.map((name) => sql.ref(name)))
  const typed = typing(context, table)
  for (const chunk of chunks(held)) {
    const values = chunk.map(({ stored }) => sql`(${sql.join(keyNames.map((name) => typed(name, stored[name])))})`)
    await sql`delete from ${sql.table(table.name)} where (${key}) in (values ${sql.join(values)})`.execute(db)
  }
  for (const { stored } of held) noteDeletion(context, table, stored)
}

/** Deletes the rows that a condition names, altered or not, and returns their keys. */
export async function removeRows(
  db: Db,
  context: OperationContext,
  table: AnyMacTable,
  condition: RawBuilder<unknown>,
): Promise<StoredRow[]> {
  // Members of manifests whole, for their digest.
  const names = [...table.primaryKey.map(snakeCase), 'revision'].map((name) => sql.ref(name))
  const returned = table.manifest === undefined ? sql.join(names) : sql`*`
  const { rows } = await sql<StoredRow>`delete from ${sql.table(table.name)} where ${condition} returning ${returned}`.execute(db)
  for (const stored of rows) noteDeletion(context, table, stored)
  return rows
}

/** As {@link removeRows}, by the values of one column. */
export async function removeRowsBy(
  db: Db,
  context: OperationContext,
  table: AnyMacTable,
  property: string,
  values: readonly string[],
): Promise<StoredRow[]> {
  const removed: StoredRow[] = []
  for (const chunk of chunks(values))
    removed.push(...(await removeRows(db, context, table, sql`${sql.ref(snakeCase(property))} in (${sql.join(chunk)})`)))
  return removed
}

function noteDeletion(context: OperationContext, table: AnyMacTable, stored: StoredRow): void {
  context.changedRows.push({ ...nameOf(table, stored), revision: (stored['revision'] as number) + 1, digest: null })
  noteMember(context, table, stored, null)
}

function note(context: OperationContext, table: AnyMacTable, before: StoredRow | null, stored: StoredRow): void {
  context.changedRows.push({ ...nameOf(table, stored), revision: stored['revision'] as number, digest: digestOf(table, stored) })
  noteMember(context, table, before, stored)
}

/** A row stays with its tenant. */
function noteMember(context: OperationContext, table: AnyMacTable, before: StoredRow | null, after: StoredRow | null): void {
  const row = after ?? before
  if (table.manifest === undefined || row === null) return
  const member = (stored: StoredRow): ManifestMember => ({
    ...nameOf(table, stored),
    revision: stored['revision'] as number,
    digest: digestOf(table, stored),
  })
  context.memberChanges.push({
    ...nameOf(table, row),
    tenant: String(row[snakeCase(table.manifest)]),
    before: before && member(before),
    after: after && member(after),
  })
}

function nameOf(table: AnyMacTable, stored: StoredRow): AlteredRow {
  return { table: table.name, id: rowId(table, stored) }
}

/** How the trail names a row: the values of its primary key, with spaces between them. */
export function rowId(table: AnyMacTable, stored: StoredRow): string {
  return table.primaryKey.map((name) => String(stored[snakeCase(name)])).join(' ')
}
