// How transactions append to the trail: what they did, with the rows that they changed.
import { type InsertQueryBuilder, sql } from 'kysely'
import { edgeRoot, emptyEdge, encodeLeaf, type Leaf, type LeafRow } from '@vouchsafe/audit-log'
import { sha256 } from '../../foundation/index.ts'
import { toFlag } from '../column.ts'
import { StorageError } from '../error.ts'
import { type OperationContext as Context, type Db, type RowReference, chunks } from '../operation.ts'
import { isRecorded } from '../recorded-tables.ts'
import type { Schema } from '../tables/index.ts'
import { entryText, headText, leafOrigin, PRUNE_ACTION, recordLeaf } from '../trail-entry.ts'
import { type AuditRow, leafEntry } from '../tables/trail-entries.ts'

/** The newest epoch's head, locked until the transaction ends: its holder decides the order of entries. */
export async function lockHead(db: Db, { dialect }: Context) {
  return db
    .selectFrom('trail_heads')
    .selectAll()
    .orderBy('epoch', 'desc')
    .limit(1)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
}

/** Starts an epoch's tree, unless another process has started it meanwhile; its first entry says why. */
export async function beginEpoch(
  db: Db,
  context: Context,
  {
    epoch,
    actor,
    reason,
    at,
    previous,
  }: { epoch: number; actor: string; reason: string; at: number; previous?: { origin: string; size: number; root: string } },
): Promise<void> {
  // Each log numbers the entries of its writers from 0.
  context.numbers.renew()
  const root = edgeRoot(sha256, emptyEdge())
  const { authenticator } = context
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('trail_heads')
    .values({
      epoch,
      size: 0,
      root,
      ...authenticator.authenticate(headText(epoch, 0, root)),
      next: 0,
      checkpoint: null,
      checkpoint_size: 0,
      cosigned: null,
    })
    .onConflict((conflict) => conflict.column('epoch').doNothing())
    .executeTakeFirstOrThrow()
  if (numInsertedOrUpdatedRows === 0n) return
  await appendEntries(db, context, [
    {
      audit: { at, tenant: '', actor, action: 'BeginEpoch', object: '', result: 'ok', requestId: '' },
      make: (server, seq) => ({ ...leafOrigin(at, server, seq), kind: 'epoch', epoch, actor, reason, ...(previous && { previous }) }),
    },
  ])
}

/** Rows of one entry: those after the first are at most 200, and ids are far shorter than what a leaf has room for. */
const MAX_ROWS = 100

/** Records what an operation's transaction did: what its caller asked to record, with the rows that it changed. */
export async function recordEntries(db: Db, context: Context, operation: string, args?: unknown): Promise<void> {
  const { records } = context
  const rows = lastChanges(context.changedRows)
  if (records.length === 0 && rows.length === 0) return
  const byRecord = new Map<AuditRow, LeafRow[]>(records.map((audit) => [audit, []]))
  const own = new Map(records.map((audit) => [audit.object, audit]))
  let other = records[0]
  // Which row is the object of a record that nobody asked for must not depend on the database's order.
  if (records.length === 0) rows.sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const row of rows) {
    const audit = own.get(row.id) ?? (other ??= systemRecord(operation, row.id, args))
    const its = byRecord.get(audit)
    if (its === undefined) byRecord.set(audit, [row])
    else its.push(row)
  }
  await appendEntries(
    db,
    context,
    [...byRecord].flatMap(([audit, its]) => entriesOf(audit, its)),
  )
}

/** The entry of a record; more than one where it changed more rows than one has room for. */
function entriesOf(audit: AuditRow, rows: readonly LeafRow[]): NewEntry[] {
  const entries: NewEntry[] = []
  for (let first = 0; first === 0 || first < rows.length; first += MAX_ROWS) {
    const some = rows.slice(first, first + MAX_ROWS)
    entries.push({ audit, rows: some, make: (server, seq) => recordLeaf(audit, server, seq, some) })
  }
  return entries
}

/** The rows that the trail follows, each as it was left last. */
function lastChanges(changed: readonly RowReference[]): LeafRow[] {
  const last = new Map<string, LeafRow>()
  for (const { table, id, revision, digest } of changed) {
    if (isRecorded(table))
      last.set(`${table} ${id}`, { table, id, revision, digest: digest === null ? null : Buffer.from(digest, 'hex').toString('base64') })
  }
  return [...last.values()]
}

/** What the server changes by itself, where no one records it. */
function systemRecord(operation: string, object: string, args: unknown): AuditRow {
  const { at, now } = (args ?? {}) as { at?: number; now?: number }
  const action = `${operation[0]!.toUpperCase()}${operation.slice(1)}`
  return { at: at ?? now ?? Date.now(), tenant: '', actor: 'system', action, object, result: 'ok', requestId: '' }
}

/** What one entry is made of: its columns, and its leaf once its number is known. */
export interface NewEntry {
  audit: AuditRow
  make(server: string, seq: number): Leaf
  rows?: readonly LeafRow[]
}

/** Appends entries of this process to the newest epoch. It must come last in its transaction: the head stays locked to the commit. */
export async function appendEntries(db: Db, context: Context, entries: readonly NewEntry[]): Promise<void> {
  const { numbers } = context
  const taken = { count: entries.length, at: entries[0]!.audit.at }
  const { epoch, position, first: given } = await takePlaces(db, context, { ...taken, writer: numbers.writer })
  let first = given
  if (first === undefined) {
    // This process was said to have ended; it goes on under another name.
    numbers.renew()
    first = (await takeNumbers(db, epoch, { ...taken, writer: numbers.writer }))!
  }
  if (!numbers.follows(first)) throw altered('trail_writers', numbers.writer)
  context.takenNumbers = first + entries.length
  const numbered = entries.map(({ audit, make, rows = [] }, i) => ({ audit, rows, leaf: encodeLeaf(make(numbers.writer, first + i)) }))
  await storeEntries(db, context, epoch, position, numbered)
}

/** Where new entries go in an epoch's log, and the first of their numbers; none if their writer is said to have ended. */
interface Places {
  epoch: number
  position: number
  first: number | undefined
}

/** What is asked for: places for `count` entries of a writer, which begins at `at` if it is new. */
interface Wanted {
  writer: string
  count: number
  at: number
}

/**
 * Takes places at the end of the newest epoch's log, and as many of a writer's numbers. From here on the head is locked until the transaction
 * ends, for all servers, so on PostgreSQL it is one statement.
 */
export async function takePlaces(db: Db, context: Context, wanted: Wanted): Promise<Places> {
  const places = await (context.dialect === 'postgres' ? takeAtOnce(db, wanted) : takeInTurn(db, wanted))
  if (places !== undefined) return places
  const isOwn = wanted.writer === context.numbers.writer
  // After which this process numbers its entries under another name.
  await beginEpoch(db, context, { epoch: 1, actor: 'system', reason: 'first', at: wanted.at })
  return takePlaces(db, context, isOwn ? { ...wanted, writer: context.numbers.writer } : wanted)
}

async function takeInTurn(db: Db, wanted: Wanted): Promise<Places | undefined> {
  const head = await takeAtHead(db, wanted.count).executeTakeFirst()
  if (head === undefined) return undefined
  return { epoch: head.epoch, position: head.next - wanted.count, first: await takeNumbers(db, head.epoch, wanted) }
}

async function takeAtOnce(db: Db, { writer, count, at }: Wanted): Promise<Places | undefined> {
  const row = await db
    .with('head', () => takeAtHead(db, count))
    // The writer's row takes its epoch from the head, so that the head is always locked first.
    .with('writer', (cte) =>
      numbered(
        cte
          .insertInto('trail_writers')
          .columns(['id', 'epoch', 'started_at', 'next', 'ended'])
          .expression(
            cte
              .selectFrom('head')
              .select([
                sql<string>`${writer}::text`.as('id'),
                'head.epoch',
                sql<number>`${at}::bigint`.as('started_at'),
                sql<number>`${count}::bigint`.as('next'),
                sql<number>`0`.as('ended'),
              ]),
          ),
        count,
      ),
    )
    .selectFrom('head')
    .leftJoin('writer', (join) => join.onTrue())
    .select(['head.epoch', 'head.next as end', 'writer.next'])
    .executeTakeFirst()
  return row && { epoch: row.epoch, position: row.end - count, first: row.next === null ? undefined : row.next - count }
}

function takeAtHead(db: Db, count: number) {
  return db
    .updateTable('trail_heads')
    .set((eb) => ({ next: eb('next', '+', count) }))
    .where('epoch', '=', (eb) => eb.selectFrom('trail_heads as newest').select(({ fn }) => fn.max<number>('newest.epoch').as('epoch')))
    .returning(['epoch', 'next'])
}

/** The first of a writer's next numbers; none if it is said to have ended. */
async function takeNumbers(db: Db, epoch: number, { writer, count, at }: Wanted): Promise<number | undefined> {
  const inserted = db.insertInto('trail_writers').values({ id: writer, epoch, started_at: at, next: count, ended: 0 })
  const row = await numbered(inserted, count).executeTakeFirst()
  return row && row.next - count
}

/** A writer's row, inserted or moved on by `count`, unless it has ended. */
function numbered<O>(inserted: InsertQueryBuilder<Schema, 'trail_writers', O>, count: number) {
  return inserted
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet((eb) => ({ next: eb('trail_writers.next', '+', count) }))
        .where('trail_writers.ended', '=', 0),
    )
    .returning('trail_writers.next')
}

/** Stores entries at places that were taken. */
export async function storeEntries(
  db: Db,
  { authenticator, dialect }: Context,
  epoch: number,
  position: number,
  entries: readonly { audit: AuditRow; leaf: Uint8Array; rows?: readonly LeafRow[] }[],
): Promise<void> {
  const values = entries.map(({ audit: { tenant: _, ...audit }, leaf }, i) => ({
    ...leafEntry.toColumns({
      ...audit,
      epoch,
      position: position + i,
      detail: audit.detail ?? null,
      leaf,
    }),
    ...authenticator.authenticate(entryText(epoch, position + i, leaf)),
  }))
  const rows = entries.flatMap(({ audit, rows: its = [] }, i) =>
    its.map(({ table, id, revision, digest }) => ({
      ...{ epoch, position: position + i, row_table: table, row_id: id, revision, digest },
      restated: toFlag(audit.action === PRUNE_ACTION),
    })),
  )
  const entryChunks = [...chunks(values)]
  const rowChunks = [...chunks(rows)]
  if (dialect === 'postgres' && entryChunks.length === 1 && rowChunks.length === 1) {
    // One statement, since the head is locked: most changes are as small.
    await db
      .with('entries', (cte) => cte.insertInto('trail_entries').values(entryChunks[0]!))
      .insertInto('trail_rows')
      .values(rowChunks[0]!)
      .execute()
    return
  }
  for (const chunk of entryChunks) await db.insertInto('trail_entries').values(chunk).execute()
  for (const chunk of rowChunks) await db.insertInto('trail_rows').values(chunk).execute()
}

/** The trail in the store is not as it was made. */
export function altered(table: string, id: string): StorageError {
  return new StorageError('altered', `the trail was changed in the store: ${table}, ${id}`)
}
