/**
 * How older entries are removed. What goes is the beginning of the oldest epoch that has any left; its hashes stay in the tiles, so that the tree and
 * its proofs are as before. What the newest entry of a row says is restated by the entry that records the removal, unless an entry that is kept says
 * it. Both are taken from the entries themselves, and those must lead to the root: nothing that someone made up is restated.
 */
import {
  appendLeaves,
  consistencyProof,
  edgeRoot,
  emptyEdge,
  parseLeaf,
  readEdge,
  verifyConsistency,
  type LeafRow,
} from '@vouchsafe/audit-log'
import { sql } from 'kysely'
import { sha256 } from '../../foundation/index.ts'
import { TRAIL_GROWTH_LOCK } from '../advisory-locks.ts'
import { changeRow, findRow, holdRow, insertRow } from '../authenticated-rows.ts'
import type { Db, OperationContext } from '../operation.ts'
import type { TrailOperations, TrailPlace } from '../ports/trail.ts'
import { headText, leafHash, PRUNE_ACTION } from '../trail-entry.ts'
import { trailBeginnings, type TrailBeginning } from '../tables/trail-beginnings.ts'
import { recordAudit } from './record.ts'
import { altered } from './trail-appending.ts'
import { tileReader } from './trail-growth.ts'

/** Entries stay or go in whole bundles. */
const BUNDLE = 256

type Args = Parameters<TrailOperations['pruneTrail']>[0]
type Pruned = Awaited<ReturnType<TrailOperations['pruneTrail']>>

/** A row as an entry left it. */
interface StatedRow {
  row: LeafRow
  restated: boolean
}

export async function pruneTrail(db: Db, context: OperationContext, { until, limit, audit }: Args): Promise<Pruned> {
  // One server at a time, and none that adds tiles meanwhile.
  if (context.dialect === 'postgres') await sql`select pg_advisory_xact_lock(${TRAIL_GROWTH_LOCK})`.execute(db)
  const range = await nextRange(db, context, until, limit)
  if (range === undefined) return { removed: 0, beginning: null }
  const { epoch, from, to, held } = range
  const entries = await db
    .selectFrom('trail_entries')
    .select(['position', 'at', 'leaf'])
    .where('epoch', '=', epoch)
    .where('position', '>=', from)
    .where('position', '<=', to)
    .orderBy('position')
    .execute()
  const removed = entries.filter(({ position }) => position < to)
  if (removed.length !== to - from) throw altered('trail_entries', `epoch ${epoch}, positions ${from} to ${to - 1}`)
  await requireLogged(
    db,
    range,
    removed.map(({ leaf }) => leaf),
  )
  await restate(
    db,
    context,
    epoch,
    to,
    removed.map(({ leaf }) => leaf),
  )
  for (const table of ['trail_rows', 'trail_entries'] as const)
    await db.deleteFrom(table).where('epoch', '=', epoch).where('position', '>=', from).where('position', '<', to).execute()
  const beginning = { epoch, first: to, firstAt: entries.at(-1)!.at }
  if (held !== undefined) await changeRow(db, context, trailBeginnings, held, beginning)
  else await insertRow(db, context, trailBeginnings, beginning)
  await recordAudit(context, { ...audit, action: PRUNE_ACTION, detail: JSON.stringify({ epoch, first: to }) })
  return { removed: to - from, beginning }
}

interface Range {
  epoch: number
  from: number
  to: number
  size: number
  root: Uint8Array
  held: Awaited<ReturnType<typeof holdBeginning>>
}

/** What goes next: whole bundles that a checkpoint covers, or all that is left of an epoch that has ended. One epoch is done before the next. */
async function nextRange(db: Db, context: OperationContext, until: TrailPlace, limit: number): Promise<Range | undefined> {
  const heads = await db.selectFrom('trail_heads').selectAll().orderBy('epoch').execute()
  for (const [i, head] of heads.entries()) {
    const { epoch, size, root, next } = head
    const hasEnded = i < heads.length - 1
    const held = await holdBeginning(db, context, epoch)
    const from = held?.row.first ?? 0
    if (hasEnded && from === size && next === size) continue
    if (epoch > until.epoch || (hasEnded && next !== size)) return undefined
    if (!context.authenticator.isAuthentic(headText(epoch, size, root), head)) throw altered('trail_heads', `epoch ${epoch}`)
    const wanted = epoch < until.epoch ? Infinity : until.position
    const whole = wholeBundles(Math.min(wanted, head.checkpoint_size, size))
    const end = hasEnded && wanted >= size ? size : whole
    const to = Math.min(end, from + wholeBundles(limit))
    return to > from ? { epoch, from, to, size, root, held } : undefined
  }
  return undefined
}

function wholeBundles(entries: number): number {
  return entries - (entries % BUNDLE)
}

function holdBeginning(db: Db, context: OperationContext, epoch: number) {
  const query = db.selectFrom('trail_beginnings').selectAll().where('epoch', '=', epoch)
  return holdRow(context, trailBeginnings, query)
}

/** @throws {StorageError} `altered` if the entries are not those that the tree holds there */
async function requireLogged(db: Db, { epoch, from, to, size, root }: Range, leaves: readonly Uint8Array[]): Promise<void> {
  const read = tileReader(db, epoch)
  const before = from === 0 ? emptyEdge() : await readEdge(read, from)
  const { edge } = appendLeaves(sha256, before, leaves.map(leafHash))
  const proof = await consistencyProof(sha256, read, to, size)
  const claim = { from: { size: to, root: edgeRoot(sha256, edge) }, to: { size, root: new Uint8Array(root) }, proof }
  if (!verifyConsistency(sha256, claim)) throw altered('trail_entries', `epoch ${epoch}, positions ${from} to ${to - 1}`)
}

/** Has the transaction's entry say what the removed ones say of rows, where none that stays says more. */
async function restate(db: Db, context: OperationContext, epoch: number, to: number, leaves: readonly Uint8Array[]): Promise<void> {
  const newest = new Map<string, StatedRow>()
  for (const leaf of leaves) {
    const parsed = parseLeaf(leaf)
    if (parsed.kind !== undefined || parsed.row === undefined) continue
    const restated = parsed.action === PRUNE_ACTION
    for (const row of [parsed.row, ...(parsed.rows ?? [])]) {
      const key = JSON.stringify([row.table, row.id])
      // What was restated is older than every entry that was kept then.
      if (restated && newest.get(key)?.restated === false) continue
      newest.set(key, { row, restated })
    }
  }
  for (const { row, restated } of newest.values()) {
    if (row.digest === null) continue
    const { rows } = await sql<{ restated: number }>`
      select restated from trail_rows where row_table = ${row.table} and row_id = ${row.id} and (epoch, position) >= (${epoch}, ${to})`.execute(
      db,
    )
    const isKept = rows.some((kept) => kept.restated === 0 || restated)
    if (!isKept)
      context.changedRows.push({
        ...{ table: row.table, id: row.id, revision: row.revision },
        digest: Buffer.from(row.digest, 'base64').toString('hex'),
      })
  }
}

/** The place after the last entry that is older than a time, or after all but so many of the newest entries, whichever is later. */
export async function trailCut(db: Db, { before, newest }: Parameters<TrailOperations['trailCut']>[0]): Promise<TrailPlace | null> {
  const places: TrailPlace[] = []
  if (before !== null) {
    const last = await db
      .selectFrom('trail_entries')
      .select(['epoch', 'position'])
      .where('at', '<', before)
      .orderBy('at', 'desc')
      .orderBy('epoch', 'desc')
      .orderBy('position', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (last !== undefined) places.push({ epoch: last.epoch, position: last.position + 1 })
  }
  if (newest !== null) {
    let left = newest
    for (const { epoch, next } of await db.selectFrom('trail_heads').select(['epoch', 'next']).orderBy('epoch', 'desc').execute()) {
      if (next >= left) {
        places.push({ epoch, position: next - left })
        break
      }
      left -= next
    }
  }
  return places.sort((a, b) => a.epoch - b.epoch || a.position - b.position).at(-1) ?? null
}

/** Where what is kept of each epoch begins, where anything was removed. */
export async function readBeginnings(db: Db, context: OperationContext): Promise<TrailBeginning[]> {
  const stored = await db.selectFrom('trail_beginnings').selectAll().orderBy('epoch').execute()
  const found = await Promise.all(stored.map((row) => findRow(context, trailBeginnings, { execute: async () => [row] })))
  return found.filter((row) => row !== undefined)
}
