// The trail: what is appended besides the records of changes, the growth of its tree, and what verification reads.
import { type SqlBool, sql } from 'kysely'
import { encodeLeaf } from '@vouchsafe/audit-log'
import { StorageError } from '../error.ts'
import type { Db, OperationContext, OperationTable } from '../operation.ts'
import type { AuditQueryOperations, TrailOperations } from '../ports/trail.ts'
import { headText, leafOrigin, recordLeaf } from '../trail-entry.ts'
import { leafEntry, trailSummary } from '../tables/trail-entries.ts'
import { trailRows } from '../tables/trail-rows.ts'
import { keepCosigned } from './cosigned-checkpoint.ts'
import { storeFences } from './fences.ts'
import { recordAudit } from './record.ts'
import { altered, appendEntries, beginEpoch, lockHead, storeEntries, takePlaces, type NewEntry } from './trail-appending.ts'
import { compareTrail } from './trail-comparison.ts'
import { grow, headOf, tileAt } from './trail-growth.ts'
import { pruneTrail, readBeginnings, trailCut } from './trail-pruning.ts'

const FILTER_COLUMNS = [
  ['actor', 'actor'],
  ['action', 'action'],
  ['object', 'object'],
  ['result', 'result'],
  ['requestId', 'request_id'],
] as const

/** What the entries of batches are called; for people their records say more. */
const BATCH_ACTION = 'RecordCalls'
/** What ends the name of a writer of batches. */
const CALLS = '/calls'
/** Characters of a process's name, with which those of its writers begin. */
const PROCESS_CHARS = 36

/** Writers that are no registered server, started before `before` and have not said that they ended. */
function goneWriters(db: Db, { numbers }: OperationContext, before: number) {
  return db
    .selectFrom('trail_writers as writer')
    .select(['writer.id', 'writer.epoch', 'writer.next'])
    .where(sql<SqlBool>`writer.ended = 0`)
    .where('writer.started_at', '<', before)
    .where(sql<string>`substr(writer.id, 1, ${PROCESS_CHARS})`, '!=', numbers.process)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('servers')
            .select('servers.id')
            .where('servers.id', 'like', sql<string>`'%:' || substr(writer.id, 1, ${PROCESS_CHARS})`),
        ),
      ),
    )
    .execute()
}

export const trailOperations = {
  appendAudit: {
    mode: 'write',
    run: (_db, { rows }, context) => recordAudit(context, rows),
  },

  appendTrailBatch: {
    mode: 'write',
    async run(db, { writer, seq, at, root, count }, context) {
      const known = await db.selectFrom('trail_writers').select(['next', 'ended']).where('id', '=', writer).executeTakeFirst()
      const next = known?.next ?? 0
      if (next > seq) return 'recorded'
      if (known?.ended === 1) return 'ended'
      if (next < seq) throw altered('trail_writers', writer)
      const { epoch, position, first } = await takePlaces(db, context, { writer, count: 1, at })
      // Only this process numbers its batches. It was said to have ended just now: the next try sees it.
      if (first === undefined) throw new StorageError('unavailable')
      if (first !== seq) throw altered('trail_writers', writer)
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
      await storeEntries(db, context, epoch, position, [
        { audit, leaf: encodeLeaf({ ...leafOrigin(at, writer, seq), kind: 'batch', root, count }) },
      ])
      return 'recorded'
    },
  },

  beginTrailWriter: {
    mode: 'write',
    async run(db, { audit, calls }, context) {
      await appendEntries(db, context, [{ audit, make: (server, seq) => recordLeaf(audit, server, seq, []) }])
      const { epoch } = (await lockHead(db, context))!
      await db.insertInto('trail_writers').values({ id: calls, epoch, started_at: audit.at, next: 0, ended: 0 }).execute()
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
      if ((await goneWriters(db, context, before)).length === 0) return []
      // Writers append under this lock, and take it before their own row: from here on their numbers stand still.
      const newest = (await lockHead(db, context))?.epoch
      const gone = await goneWriters(db, context, before)
      for (const { id } of gone) await db.updateTable('trail_writers').set({ ended: 1 }).where('id', '=', id).execute()
      // What else a process recorded was recorded with what it did.
      const servers = gone.filter(({ id }) => id.endsWith(CALLS))
      const entries = servers.map(({ id, epoch, next }): NewEntry => {
        // The log of a later epoch has none of its batches.
        const missing = { server: id, from: epoch === newest ? next : 0, to: null }
        return {
          audit: { at, tenant: '', actor: 'system', action: 'RecordGap', object: id, result: 'ok', requestId: '' },
          make: (server, seq) => ({ ...leafOrigin(at, server, seq), kind: 'gap', missing, reason: 'crash' }),
        }
      })
      if (entries.length > 0) await appendEntries(db, context, entries)
      return servers.map(({ id }) => id)
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
    async run(db, _args, { authenticator }) {
      const heads = await db.selectFrom('trail_heads').selectAll().orderBy('epoch').execute()
      return heads.map((head) => ({
        ...headOf(head),
        cosigned: head.cosigned,
        isAuthentic: authenticator.isAuthentic(headText(head.epoch, head.size, head.root), head),
      }))
    },
  },

  acceptRollback: {
    mode: 'write',
    async run(db, { previous: { epoch, ...previous }, fence, actor, at }, context) {
      const head = await lockHead(db, context)
      await beginEpoch(db, context, { epoch: Math.max(epoch, head?.epoch ?? 0) + 1, actor, reason: 'rollback', at, previous })
      // What the older store remembers of requests is not all that was accepted.
      await db.deleteFrom('replay_windows').execute()
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

  trailBeginnings: { mode: 'read', run: (db, _args, context) => readBeginnings(db, context) },

  trailCut: { mode: 'scan', run: (db, args) => trailCut(db, args) },

  pruneTrail: { mode: 'write', run: (db, args, context) => pruneTrail(db, context, args) },

  compareTrail: { mode: 'write', run: (db, args, context) => compareTrail(db, context, args) },

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
