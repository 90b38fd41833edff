// Rows of the store beside the newest entry of each in the trail.
import { sql } from 'kysely'
import { rowId } from '../authenticated-rows.ts'
import type { Db, OperationContext } from '../operation.ts'
import type { RowFault, TrailComparison } from '../ports/trail.ts'
import { digestOf, type StoredRow } from '../row-authenticator.ts'
import { recordedTable } from '../recorded-tables.ts'
import type { TrailRow } from '../tables/trail-rows.ts'
import { snakeCase, type AnyMacTable } from '../table.ts'

/** What an entry says of a row. */
type Recorded = Pick<TrailRow, 'revision' | 'digest'>

interface Page {
  after: string | null
  limit: number
}

export async function compareTrail(
  db: Db,
  context: OperationContext,
  { table: name, side, ...page }: { table: string; side: 'rows' | 'entries' } & Page,
): Promise<TrailComparison> {
  const table = recordedTable(name)
  // Both reads of one moment.
  if (context.dialect === 'postgres') await sql`set transaction isolation level repeatable read`.execute(db)
  return side === 'rows' ? compareRows(db, context, table, page) : compareEntries(db, table, page)
}

/** A page of rows by primary key; the cursor is the last key's values as JSON. */
async function compareRows(db: Db, context: OperationContext, table: AnyMacTable, { after, limit }: Page): Promise<TrailComparison> {
  const keyNames = table.primaryKey.map(snakeCase)
  const key = sql.join(keyNames.map((column) => sql.ref(column)))
  const following = after === null ? sql`` : sql`where (${key}) > (${sql.join(fromCursor(after))})`
  const { rows } = await sql<StoredRow>`select * from ${sql.table(table.name)} ${following} order by ${key} limit ${limit}`.execute(db)
  const newest = await newestEntries(
    db,
    table.name,
    rows.map((row) => rowId(table, row)),
  )
  const faults: RowFault[] = []
  for (const row of rows) {
    const id = rowId(table, row)
    const fault = faultOf(table, context, row, newest.get(id))
    if (fault !== undefined) faults.push({ table: table.name, id, fault })
  }
  const last = rows.length < limit ? null : toCursor(keyNames.map((column) => rows.at(-1)![column]!))
  return { faults, count: rows.length, last }
}

function faultOf(
  table: AnyMacTable,
  { authenticator }: OperationContext,
  row: StoredRow,
  entry: Recorded | undefined,
): RowFault['fault'] | undefined {
  if (!authenticator.verifies(table, row)) return 'altered'
  if (entry === undefined) return 'inserted'
  const isSame = entry.revision === row['revision'] && entry.digest === Buffer.from(digestOf(table, row), 'hex').toString('base64')
  // Its MAC says that it was stored once. A row that was deleted and made again counts its revisions anew, so an older one may have more.
  return isSame ? undefined : 'put_back'
}

/** A page of the rows that entries name; the cursor is the last id. */
async function compareEntries(db: Db, table: AnyMacTable, { after, limit }: Page): Promise<TrailComparison> {
  const following = after === null ? sql`` : sql`and row_id > ${after}`
  const { rows: named } = await sql<{ row_id: string }>`
    select distinct row_id from trail_rows where row_table = ${table.name} ${following} order by row_id limit ${limit}`.execute(db)
  const ids = named.map(({ row_id }) => row_id)
  const newest = await newestEntries(db, table.name, ids)
  const expected = ids.filter((id) => newest.get(id)?.digest != null)
  const there = await presentRows(db, table, expected)
  const faults = expected.filter((id) => !there.has(id)).map((id) => ({ table: table.name, id, fault: 'deleted' }) as const)
  return { faults, count: ids.length, last: ids.length < limit ? null : ids.at(-1)! }
}

async function presentRows(db: Db, table: AnyMacTable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const columns = table.primaryKey.map(snakeCase)
  const id = sql.join(
    columns.map((column) => sql`${asText(table, column)}`),
    sql` || ' ' || `,
  )
  const [first] = table.primaryKey
  const isText = table.columns[first!]!.type === 'text'
  // By the index of the primary key where its first column is text.
  const narrowed = isText ? sql`${sql.ref(columns[0]!)} in (${sql.join(firstValues(table, ids))}) and` : sql``
  const { rows } = await sql<{ id: string }>`
    select ${id} as id from ${sql.table(table.name)} where ${narrowed} ${id} in (${sql.join(ids)})`.execute(db)
  return new Set(rows.map((row) => row.id))
}

/** The first part of each id. Only the first column's text may hold spaces, such as the name of a user. */
function firstValues(table: AnyMacTable, ids: readonly string[]): string[] {
  const others = table.primaryKey.length - 1
  return [...new Set(others === 0 ? ids : ids.map((id) => id.split(' ').slice(0, -others).join(' ')))]
}

function asText(table: AnyMacTable, column: string) {
  const [, { type } = { type: 'text' }] = Object.entries(table.columns).find(([name]) => snakeCase(name) === column) ?? []
  return type === 'text' ? sql.ref(column) : sql`cast(${sql.ref(column)} as text)`
}

/** What the newest entry of each row says of it. */
async function newestEntries(db: Db, table: string, ids: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<Recorded & { row_id: string }>`
    select e.row_id, e.revision, e.digest from trail_rows as e where e.row_table = ${table} and e.row_id in (${sql.join(ids)})
      and not exists (
        select 1 from trail_rows as later
        where later.row_table = e.row_table and later.row_id = e.row_id and (later.epoch, later.position) > (e.epoch, e.position)
      )`.execute(db)
  return new Map(rows.map((row) => [row.row_id, row]))
}

function toCursor(values: readonly unknown[]): string {
  return JSON.stringify(values)
}

function fromCursor(cursor: string): (string | number)[] {
  return JSON.parse(cursor) as (string | number)[]
}
