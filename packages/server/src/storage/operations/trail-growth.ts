// How the trail's tree takes in what transactions appended.
import { sql } from 'kysely'
import { appendLeaves, edgeRoot, emptyEdge, parseTilePath, readEdge, type Edge, type ReadFile, type TileFile } from '@vouchsafe/audit-log'
import { sha256 } from '../../foundation/index.ts'
import { TRAIL_GROWTH_LOCK } from '../advisory-locks.ts'
import type { OperationContext as Context, Db } from '../operation.ts'
import type { TrailHead } from '../ports/trail.ts'
import { entryText, headText, leafHash } from '../trail-entry.ts'
import { readableCosigned } from './cosigned-checkpoint.ts'
import { altered, beginEpoch } from './trail-appending.ts'

const AT_ONCE = 5_000

/** Reads an epoch's tiles by their paths; what they say is still to be verified. */
export function tileReader(db: Db, epoch: number): ReadFile {
  return async (path) => {
    const { level, index, width } = parseTilePath(path)
    const hashes = await tileAt(db, epoch, level as number, index)
    return hashes?.subarray(0, width * 32)
  }
}

/** The edge of an epoch's tree, from its tiles; they must lead to the root. */
async function edgeOf(db: Db, epoch: number, size: number, root: Uint8Array): Promise<Edge> {
  const edge = size === 0 ? emptyEdge() : await readEdge(tileReader(db, epoch), size)
  if (!Buffer.from(edgeRoot(sha256, edge)).equals(root)) throw altered('trail_tiles', `epoch ${epoch}`)
  return edge
}

export async function tileAt(db: Db, epoch: number, level: number, number: number): Promise<Uint8Array | null> {
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

/**
 * Takes waiting entries into the newest epoch's tree. Only its last statement locks the head, since changes wait for the head.
 */
export async function grow(db: Db, context: Context, limit: number): Promise<TrailHead | null> {
  if (context.dialect === 'postgres') await sql`select pg_advisory_xact_lock(${TRAIL_GROWTH_LOCK})`.execute(db)
  const head = await db.selectFrom('trail_heads').selectAll().orderBy('epoch', 'desc').limit(1).executeTakeFirst()
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

/** Before a domain key is retired: takes what waits into the tree, and authenticates the heads under the current key. */
export async function reauthenticateTrail(db: Db, context: Context): Promise<void> {
  let head = await grow(db, context, AT_ONCE)
  while (head !== null && head.waiting > 0) head = await grow(db, context, AT_ONCE)
  for (const { epoch, size, root, mac, mac_version } of await db.selectFrom('trail_heads').selectAll().execute()) {
    const text = headText(epoch, size, root)
    if (!context.authenticator.isAuthentic(text, { mac, mac_version })) throw altered('trail_heads', `epoch ${epoch}`)
    await db.updateTable('trail_heads').set(context.authenticator.authenticate(text)).where('epoch', '=', epoch).execute()
  }
}

/** After a restore: takes what waits into the restored tree, whose entries go on in a new epoch that names it. */
export async function continueTrail(db: Db, context: Context, at: number, actor: string): Promise<void> {
  let head = await grow(db, context, AT_ONCE)
  while (head !== null && head.waiting > 0) head = await grow(db, context, AT_ONCE)
  if (head === null) return
  const { id } = await db.selectFrom('instance').select('id').executeTakeFirstOrThrow()
  const previous = { origin: `vouchsafe/${id}/${head.epoch}`, size: head.size, root: Buffer.from(head.root).toString('base64') }
  await beginEpoch(db, context, { epoch: head.epoch + 1, actor, reason: 'restore', at, previous })
}

export function headOf(head: {
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
