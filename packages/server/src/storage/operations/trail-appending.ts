// How transactions append to the trail: what they did, with the rows that they changed.
import { edgeRoot, emptyEdge, encodeLeaf, type Leaf, type LeafRow } from '@vouchsafe/audit-log'
import { sha256 } from '../../foundation/index.ts'
import { StorageError } from '../error.ts'
import { type OperationContext as Context, type Db, type RowReference, chunks } from '../operation.ts'
import { isRecorded } from '../recorded-tables.ts'
import { entryText, headText, leafOrigin, recordLeaf } from '../trail-entry.ts'
import { type AuditRow, leafEntry } from '../tables/trail-entries.ts'

/** The newest epoch's head, locked until the transaction ends: who holds it decides the order of entries. */
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
  await append(db, context, epoch, 0, [
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
  let head = await lockHead(db, context)
  if (head === undefined) {
    const at = entries[0]!.audit.at
    await beginEpoch(db, context, { epoch: 1, actor: 'system', reason: 'first', at })
    head = (await lockHead(db, context))!
  }
  await append(db, context, head.epoch, head.next, entries)
}

async function append(db: Db, context: Context, epoch: number, position: number, entries: readonly NewEntry[]): Promise<void> {
  const first = await takeNumbers(db, context, epoch, entries)
  await storeEntries(
    db,
    context,
    epoch,
    position,
    entries.map(({ audit, make, rows = [] }, i) => ({ audit, rows, leaf: encodeLeaf(make(context.numbers.writer, first + i)) })),
  )
}

/** The next numbers of this process. One that was said to have ended goes on under another name. */
async function takeNumbers(db: Db, context: Context, epoch: number, entries: readonly NewEntry[]): Promise<number> {
  const { numbers } = context
  const row = await db.selectFrom('trail_writers').select('ended').where('id', '=', numbers.writer).executeTakeFirst()
  if (row?.ended === 1) numbers.renew()
  const { next } = await db
    .insertInto('trail_writers')
    .values({ id: numbers.writer, epoch, started_at: entries[0]!.audit.at, next: entries.length, ended: 0 })
    .onConflict((conflict) => conflict.column('id').doUpdateSet((eb) => ({ next: eb('trail_writers.next', '+', entries.length) })))
    .returning('next')
    .executeTakeFirstOrThrow()
  const first = next - entries.length
  if (!numbers.follows(first)) throw altered('trail_writers', numbers.writer)
  context.takenNumbers = next
  return first
}

export async function storeEntries(
  db: Db,
  { authenticator }: Context,
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
  for (const chunk of chunks(values)) await db.insertInto('trail_entries').values(chunk).execute()
  const rows = entries.flatMap(({ rows: its = [] }, i) =>
    its.map(({ table, id, revision, digest }) => ({ epoch, position: position + i, row_table: table, row_id: id, revision, digest })),
  )
  for (const chunk of chunks(rows)) await db.insertInto('trail_rows').values(chunk).execute()
  await db
    .updateTable('trail_heads')
    .set({ next: position + entries.length })
    .where('epoch', '=', epoch)
    .execute()
}

/** The trail in the store is not as it was made. */
export function altered(table: string, id: string): StorageError {
  return new StorageError('altered', `the trail was changed in the store: ${table}, ${id}`)
}
