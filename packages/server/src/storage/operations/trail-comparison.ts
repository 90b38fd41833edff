// Rows of the store beside the newest entry of each in the trail.
import { sql } from 'kysely'
import { parseLeaf, type LeafRow } from '@vouchsafe/audit-log'
import { rowId } from '../authenticated-rows.ts'
import { entryText, PRUNE_ACTION } from '../trail-entry.ts'
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
  return side === 'rows' ? compareRows(db, context, table, page) : compareEntries(db, context, table, page)
}

/** A page of rows by primary key; the cursor is the last key's values as JSON. */
async function compareRows(db: Db, context: OperationContext, table: AnyMacTable, { after, limit }: Page): Promise<TrailComparison> {
  const keyNames = table.primaryKey.map(snakeCase)
  const key = sql.join(keyNames.map((column) => sql.ref(column)))
  const following = after === null ? sql`` : sql`where (${key}) > (${sql.join(fromCursor(after))})`
  const { rows } = await sql<StoredRow>`select * from ${sql.table(table.name)} ${following} order by ${key} limit ${limit}`.execute(db)
  const newest = await newestEntries(
    db,
    context,
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
  entry: Recorded | 'forged' | undefined,
): RowFault['fault'] | undefined {
  if (!authenticator.verifies(table, row)) return 'altered'
  if (entry === undefined) return 'inserted'
  if (entry === 'forged') return 'altered'
  const isSame = entry.revision === row['revision'] && entry.digest === Buffer.from(digestOf(table, row), 'hex').toString('base64')
  // Its MAC says that it was stored once. A row that was deleted and made again counts its revisions anew, so an older one may have more.
  return isSame ? undefined : 'put_back'
}

/** A page of the rows that entries name; the cursor is the last id. */
async function compareEntries(db: Db, context: OperationContext, table: AnyMacTable, { after, limit }: Page): Promise<TrailComparison> {
  const following = after === null ? sql`` : sql`and row_id > ${after}`
  const { rows: named } = await sql<{ row_id: string }>`
    select distinct row_id from trail_rows where row_table = ${table.name} ${following} order by row_id limit ${limit}`.execute(db)
  const ids = named.map(({ row_id }) => row_id)
  const newest = await newestEntries(db, context, table.name, ids)
  const isExpected = (entry: Recorded | 'forged' | undefined) => entry === 'forged' || (entry !== undefined && entry.digest !== null)
  const expected = ids.filter((id) => isExpected(newest.get(id)))
  const there = await presentRows(db, table, expected)
  const faults = expected
    .filter((id) => !there.has(id))
    .map((id) => ({ table: table.name, id, fault: newest.get(id) === 'forged' ? 'altered' : 'deleted' }) as const)
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

/**
 * What the newest entry of each row says of it; `forged` where the entry is not there, does not say so, or is neither in the tree, which is
 * verified apart, nor authentic by itself.
 */
async function newestEntries(
  db: Db,
  { authenticator }: OperationContext,
  table: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Recorded | 'forged'>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<NewestRow>`
    select r.epoch, r.position, r.row_id, r.revision, r.digest, r.restated, e.leaf, e.mac, e.mac_version, h.size
      from trail_rows as r
      left join trail_entries as e on e.epoch = r.epoch and e.position = r.position
      left join trail_heads as h on h.epoch = r.epoch
      where ${isKept('r')} and r.row_table = ${table} and r.row_id in (${sql.join(ids)})
      and not exists (
        select 1 from trail_rows as later
        where later.row_table = r.row_table and later.row_id = r.row_id 
        and (r.restated - later.restated, later.epoch, later.position) > (0, r.epoch, r.position) and ${isKept('later')}
      )`.execute(db)
  return new Map(rows.map((row) => [row.row_id, isRecorded(row) ? row : 'forged']))

  function isRecorded({ epoch, position, row_id: id, revision, digest, restated, leaf, mac, mac_version, size }: NewestRow): boolean {
    if (leaf === null || mac === null || mac_version === null || size === null) return false
    if (position >= size && !authenticator.isAuthentic(entryText(epoch, position, leaf), { mac, mac_version })) return false
    return rowsOf(leaf, restated === 1).some(
      (row) => row.table === table && row.id === id && row.revision === revision && row.digest === digest,
    )
  }
}

interface NewestRow extends Recorded {
  epoch: number
  position: number
  row_id: string
  restated: 0 | 1
  leaf: Uint8Array | null
  mac: Uint8Array | null
  mac_version: number | null
  size: number | null
}

/** Whether entries before it were not removed: what someone put back of those says nothing. */
function isKept(alias: 'r' | 'later') {
  const [epoch, position] = [sql.ref(`${alias}.epoch`), sql.ref(`${alias}.position`)]
  return sql`${position} >= coalesce((select first from trail_beginnings as b where b.epoch = ${epoch}), 0)`
}

function rowsOf(leaf: Uint8Array, restated: boolean): readonly LeafRow[] {
  try {
    const parsed = parseLeaf(leaf)
    return parsed.kind !== undefined || parsed.row === undefined || (parsed.action === PRUNE_ACTION) !== restated
      ? []
      : [parsed.row, ...(parsed.rows ?? [])]
  } catch {
    return []
  }
}

function toCursor(values: readonly unknown[]): string {
  return JSON.stringify(values)
}

function fromCursor(cursor: string): (string | number)[] {
  return JSON.parse(cursor) as (string | number)[]
}
