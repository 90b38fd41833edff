// The trail: entries that transactions append, the tree that takes them in, and what verification reads.
import { sql } from 'kysely'
import { appendLeaves, edgeRoot, emptyEdge, readEdge, parseTilePath, encodeLeaf, type Edge, type TileFile } from '@vouchsafe/audit-log'
import { sha256 } from '../../foundation/index.ts'
import { StorageError } from '../error.ts'
import { type OperationContext as Context, type Db, type OperationTable, type RowReference, chunks } from '../operation.ts'
import type { AuditQueryOperations, TrailHead, TrailOperations } from '../ports/trail.ts'
import { entryText, headText, leafHash, leafOrigin, recordLeaf } from '../trail-entry.ts'
import { type AuditRow, leafEntry, trailSummary } from '../tables/trail-entries.ts'
import type { GapLeaf, Leaf, LeafRow } from '@vouchsafe/audit-log'
import { keepCosigned, readableCosigned } from './cosigned-checkpoint.ts'
import { storeFences } from './fences.ts'
import { recordAudit } from './record.ts'
import { isRecorded } from '../recorded-tables.ts'
import { trailRows } from '../tables/trail-rows.ts'
import { compareTrail } from './trail-comparison.ts'

const FILTER_COLUMNS = [
  ['actor', 'actor'],
  ['action', 'action'],
  ['object', 'object'],
  ['result', 'result'],
  ['requestId', 'request_id'],
] as const

/** The newest epoch's head, locked until the transaction ends: who holds it decides the order of entries. */
async function lockHead(db: Db, { dialect }: Context) {
  return db
    .selectFrom('trail_heads')
    .selectAll()
    .orderBy('epoch', 'desc')
    .limit(1)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
}

/** Starts an epoch's tree; its first entry says why. */
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
  await db
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
    .execute()
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
export async function recordEntries(db: Db, context: Context, operation: string): Promise<void> {
  const { records } = context
  const rows = lastChanges(context.changedRows)
  if (records.length === 0 && rows.length === 0) return
  const byRecord = new Map<AuditRow, LeafRow[]>(records.map((audit) => [audit, []]))
  const own = new Map(records.map((audit) => [audit.object, audit]))
  let other = records[0]
  for (const row of rows) {
    const audit = own.get(row.id) ?? (other ??= systemRecord(operation, row.id))
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
function systemRecord(operation: string, object: string): AuditRow {
  const action = `${operation[0]!.toUpperCase()}${operation.slice(1)}`
  return { at: Date.now(), tenant: '', actor: 'system', action, object, result: 'ok', requestId: '' }
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
  await store(
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

async function store(
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

/** The edge of an epoch's tree, from its tiles; they must lead to the root. */
async function edgeOf(db: Db, epoch: number, size: number, root: Uint8Array): Promise<Edge> {
  const edge =
    size === 0
      ? emptyEdge()
      : await readEdge(async (path) => {
          const { level, index, width } = parseTilePath(path)
          const hashes = await tileAt(db, epoch, level as number, index)
          return hashes?.subarray(0, width * 32)
        }, size)
  if (!Buffer.from(edgeRoot(sha256, edge)).equals(root)) throw altered('trail_tiles', `epoch ${epoch}`)
  return edge
}

async function tileAt(db: Db, epoch: number, level: number, number: number): Promise<Uint8Array | null> {
  const row = await db
    .selectFrom('trail_tiles')
    .select('hashes')
    .where('epoch', '=', epoch)
    .where('level', '=', level)
    .where('number', '=', number)
    .executeTakeFirst()
  return row === undefined ? null : new Uint8Array(row.hashes)
}

async function writeTiles(db: Db, epoch: number, tiles: readonly TileFile[]): Promise<void> {
  for (const { tile, bytes } of tiles)
    await db
      .insertInto('trail_tiles')
      .values({ epoch, level: tile.level as number, number: tile.index, hashes: bytes })
      .onConflict((conflict) => conflict.columns(['epoch', 'level', 'number']).doUpdateSet({ hashes: bytes }))
      .execute()
}

function altered(table: string, id: string): StorageError {
  return new StorageError('altered', `the trail was changed in the store: ${table}, ${id}`)
}

/** Takes waiting entries into the newest epoch's tree. */
export async function grow(db: Db, context: Context, limit: number): Promise<TrailHead | null> {
  const head = await lockHead(db, context)
  if (head === undefined) return null
  const { epoch, size, root } = head
  const { authenticator } = context
  if (!authenticator.isAuthentic(headText(epoch, size, root), head)) throw altered('trail_heads', `epoch ${epoch}`)
  const count = Math.min(head.next - size, limit)
  if (count < 0) throw altered('trail_heads', `epoch ${epoch}`)
  if (count === 0) return headOf(head)
  const entries = await db
    .selectFrom('trail_entries')
    .select(['position', 'leaf', 'mac', 'mac_version'])
    .where('epoch', '=', epoch)
    .where('position', '>=', size)
    .where('position', '<', size + count)
    .orderBy('position')
    .execute()
  for (let i = 0; i < count; i++) {
    const entry = entries[i]
    if (entry?.position !== size + i || !authenticator.isAuthentic(entryText(epoch, size + i, entry.leaf), entry))
      throw altered('trail_entries', `epoch ${epoch}, position ${size + i}`)
  }
  const { edge, tiles } = appendLeaves(
    sha256,
    await edgeOf(db, epoch, size, root),
    entries.map(({ leaf }) => leafHash(leaf)),
  )
  await writeTiles(db, epoch, tiles)
  const grown = { size: edge.size, root: edgeRoot(sha256, edge) }
  await db
    .updateTable('trail_heads')
    .set({ ...grown, ...authenticator.authenticate(headText(epoch, grown.size, grown.root)) })
    .where('epoch', '=', epoch)
    .execute()
  return headOf({ ...head, ...grown })
}

/** After a restore: takes what waits into the restored tree, whose entries go on in a new epoch that names it. */
export async function continueTrail(db: Db, context: Context, at: number, actor: string): Promise<void> {
  let head = await grow(db, context, RESTORED_AT_ONCE)
  while (head !== null && head.waiting > 0) head = await grow(db, context, RESTORED_AT_ONCE)
  if (head === null) return
  const { id } = await db.selectFrom('instance').select('id').executeTakeFirstOrThrow()
  const previous = { origin: `vouchsafe/${id}/${head.epoch}`, size: head.size, root: Buffer.from(head.root).toString('base64') }
  await beginEpoch(db, context, { epoch: head.epoch + 1, actor, reason: 'restore', at, previous })
}

function headOf(head: {
  epoch: number
  size: number
  root: Uint8Array
  next: number
  checkpoint: string | null
  checkpoint_size: number
  cosigned: string | null
}): TrailHead {
  const { epoch, size, root, next, checkpoint, checkpoint_size, cosigned } = head
  const kept = readableCosigned(cosigned, checkpoint_size)
  return { epoch, size, root: new Uint8Array(root), waiting: next - size, checkpoint, checkpointSize: checkpoint_size, cosigned: kept }
}

/** What the entries of batches are called; for people their records say more. */
const BATCH_ACTION = 'RecordCalls'
/** What ends the name of a writer of batches. */
const CALLS = '/calls'
/** Characters of a process's name, with which those of its writers begin. */
const PROCESS_CHARS = 36

/** Where the batches of a writer that is gone may be missing; undefined if that is said of its writer of batches. */
async function lostCalls(db: Db, id: string, next: number): Promise<GapLeaf['missing'] | undefined> {
  if (id.endsWith(CALLS)) return { server: id, from: next, to: null }
  const calls = `${id}${CALLS}`
  const row = await db.selectFrom('trail_writers').select('id').where('id', '=', calls).executeTakeFirst()
  return row === undefined ? { server: calls, from: 0, to: null } : undefined
}

const RESTORED_AT_ONCE = 5_000

export const trailOperations = {
  appendAudit: {
    mode: 'write',
    run: (_db, { rows }, context) => recordAudit(context, rows),
  },

  appendTrailBatch: {
    mode: 'write',
    async run(db, { writer, seq, at, root, count }, context) {
      let head = await lockHead(db, context)
      if (head === undefined) {
        await beginEpoch(db, context, { epoch: 1, actor: 'system', reason: 'first', at })
        head = (await lockHead(db, context))!
      }
      const known = await db.selectFrom('trail_writers').select(['next', 'ended']).where('id', '=', writer).executeTakeFirst()
      const next = known?.next ?? 0
      if (next > seq) return 'recorded'
      if (known?.ended === 1) return 'ended'
      if (next < seq) throw altered('trail_writers', writer)
      await db
        .insertInto('trail_writers')
        .values({ id: writer, epoch: head.epoch, started_at: at, next: seq + 1, ended: 0 })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ next: seq + 1 }))
        .execute()
      const audit = {
        at,
        tenant: '',
        actor: 'system',
        action: 'RecordCalls',
        object: '',
        result: 'ok',
        requestId: '',
        detail: JSON.stringify({ count }),
      }
      await store(db, context, head.epoch, head.next, [
        { audit, leaf: encodeLeaf({ ...leafOrigin(at, writer, seq), kind: 'batch', root, count }) },
      ])
      return 'recorded'
    },
  },

  endTrailWriter: {
    mode: 'write',
    async run(db, { audit }, context) {
      await appendEntries(db, context, [{ audit, make: (server, seq) => recordLeaf(audit, server, seq, []) }])
      await db
        .updateTable('trail_writers')
        .set({ ended: 1 })
        .where(sql<string>`substr(id, 1, ${PROCESS_CHARS})`, '=', context.numbers.process)
        .execute()
    },
  },

  closeGoneWriters: {
    mode: 'write',
    async run(db, { before, at }, context) {
      const gone = await db
        .selectFrom('trail_writers as writer')
        .select(['writer.id', 'writer.next'])
        .where('writer.ended', '=', 0)
        .where('writer.started_at', '<', before)
        .where(sql<string>`substr(writer.id, 1, ${PROCESS_CHARS})`, '!=', context.numbers.process)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('servers')
                .select('servers.id')
                .where('servers.id', 'like', sql<string>`'%:' || substr(writer.id, 1, ${PROCESS_CHARS})`),
            ),
          ),
        )
        .orderBy('writer.id')
        .execute()
      for (const { id, next } of gone) {
        await db.updateTable('trail_writers').set({ ended: 1 }).where('id', '=', id).execute()
        const lost = await lostCalls(db, id, next)
        if (lost === undefined) continue
        const audit = { at, tenant: '', actor: 'system', action: 'RecordGap', object: lost.server, result: 'ok', requestId: '' }
        await appendEntries(db, context, [
          { audit, make: (server, seq) => ({ ...leafOrigin(at, server, seq), kind: 'gap', missing: lost, reason: 'crash' }) },
        ])
      }
      return gone.map(({ id }) => id)
    },
  },

  growTrail: { mode: 'write', run: (db, { limit }, context) => grow(db, context, limit) },

  trailHead: {
    mode: 'read',
    async run(db, { epoch }) {
      let query = db.selectFrom('trail_heads').selectAll().orderBy('epoch', 'desc').limit(1)
      if (epoch !== null) query = query.where('epoch', '=', epoch)
      const head = await query.executeTakeFirst()
      return head === undefined ? null : headOf(head)
    },
  },

  trailHeads: {
    mode: 'read',
    async run(db) {
      return (await db.selectFrom('trail_heads').selectAll().orderBy('epoch').execute()).map(headOf)
    },
  },

  acceptRollback: {
    mode: 'write',
    async run(db, { previous: { epoch, ...previous }, fence, actor, at }, context) {
      const head = await lockHead(db, context)
      await beginEpoch(db, context, { epoch: Math.max(epoch, head?.epoch ?? 0) + 1, actor, reason: 'rollback', at, previous })
      const apps = await db.selectFrom('apps').select('id').execute()
      await storeFences(
        db,
        apps.map(({ id }) => [id, fence]),
        'raising',
      )
    },
  },

  keepCheckpoint: {
    mode: 'write',
    async run(db, { epoch, size, checkpoint }) {
      await db
        .updateTable('trail_heads')
        .set({ checkpoint, checkpoint_size: size })
        .where('epoch', '=', epoch)
        .where('checkpoint_size', '<=', size)
        .execute()
    },
  },

  keepCosigned: { mode: 'write', run: (db, args, context) => keepCosigned(db, context, args) },

  readTrail: {
    mode: 'scan',
    async run(db, { epoch, from, limit }) {
      const rows = await db
        .selectFrom('trail_entries')
        .select(leafEntry.names)
        .where('epoch', '=', epoch)
        .where('position', '>=', from)
        .orderBy('position')
        .limit(limit)
        .execute()
      return rows.map(leafEntry.fromColumns)
    },
  },

  trailRows: {
    mode: 'scan',
    async run(db, { epoch, from, until }) {
      const rows = await db
        .selectFrom('trail_rows')
        .selectAll()
        .where('epoch', '=', epoch)
        .where('position', '>=', from)
        .where('position', '<', until)
        .orderBy('position')
        .orderBy('row_table')
        .orderBy('row_id')
        .execute()
      return rows.map(trailRows.fromColumns)
    },
  },

  trailTile: { mode: 'read', run: (db, { epoch, level, number }) => tileAt(db, epoch, level, number) },

  compareTrail: { mode: 'write', run: (db, args, context) => compareTrail(db, context, args) },

  listAudit: {
    mode: 'read',
    async run(db, { after, limit }) {
      const rows = await db
        .selectFrom('trail_entries')
        .select(trailSummary.names)
        .where('position', '>', after)
        .where('action', '!=', BATCH_ACTION)
        .orderBy('epoch')
        .orderBy('position')
        .limit(limit)
        .execute()
      return rows.map(trailSummary.fromColumns)
    },
  },

  queryAudit: {
    mode: 'scan',
    async run(db, { filter, limit }) {
      let query = db
        .selectFrom('trail_entries')
        .select(trailSummary.names)
        .orderBy('at', 'desc')
        .orderBy('epoch', 'desc')
        .orderBy('position', 'desc')
        .limit(limit)
      for (const [name, column] of FILTER_COLUMNS) {
        const value = filter[name]
        if (value === undefined) continue
        // `operator` stands for every operator, whatever its name.
        if (name === 'actor')
          query = query.where((eb) =>
            eb.or([eb('actor', '=', value), eb.and([eb('actor', '>=', `${value}:`), eb('actor', '<', `${value};`)])]),
          )
        else query = query.where(column, '=', value)
      }
      if (filter.action !== BATCH_ACTION) query = query.where('action', '!=', BATCH_ACTION)
      if (filter.since !== undefined) query = query.where('at', '>=', filter.since)
      if (filter.until !== undefined) query = query.where('at', '<', filter.until)
      return (await query.execute()).map(trailSummary.fromColumns)
    },
  },
} satisfies Pick<OperationTable, keyof (TrailOperations & AuditQueryOperations)>
