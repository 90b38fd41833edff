import { changeRow, holdRow, insertRow, markedRows, removeRowsBy } from '../authenticated-rows.ts'
import { toBytes } from '../column.ts'
import { type Db, type OperationTable, chunks } from '../operation.ts'
import type { BaselineOperations } from '../ports/baselines.ts'
import { baselineContent, baselineContents } from '../tables/baseline-contents.ts'
import { type BaselineRow, baselines } from '../tables/baselines.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { ID, INTACT } from './signed-rows.ts'
import { lockTenant } from './tenant-lock.ts'

/** Whether another of the user's baselines has the row's name. */
async function nameTaken(db: Db, { id, userId, name }: BaselineRow): Promise<boolean> {
  const namesake = db.selectFrom('baselines').select('id').where('user_id', '=', userId).where('name', '=', name).where('id', '!=', id)
  return (await namesake.executeTakeFirst()) !== undefined
}

/** How many other baselines the user has, and the bytes of their digest sets. */
async function others(db: Db, { id, userId }: BaselineRow): Promise<{ count: number; bytes: number }> {
  const rows = await db.selectFrom('baselines').select('digests_length').where('user_id', '=', userId).where('id', '!=', id).execute()
  return { count: rows.length, bytes: rows.reduce((sum, row) => sum + row.digests_length, 0) }
}

export const baselineOperations = {
  insertBaseline: {
    mode: 'write',
    async run(db, { row, content, limit, maxDigestBytes, audit }, context) {
      await lockTenant(db, context.dialect, row.userId)
      if (await nameTaken(db, row)) return 'exists'
      const { count, bytes: taken } = await others(db, row)
      if (count >= limit) return 'limit'
      if (taken + row.digestsLength > maxDigestBytes) return 'too_large'
      await insertRow(db, context, baselines, row)
      await db
        .insertInto('baseline_contents')
        .values(baselineContents.toColumns({ baselineId: row.id, ...content }))
        .execute()
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'baseline', [row.userId], row.createdAt)
      return 'created'
    },
  },

  listBaselines: {
    mode: 'read',
    async run(db, { userId }, context) {
      const rows = db.selectFrom('baselines').selectAll().where('user_id', '=', userId)
      return markedRows(context, baselines, await rows.orderBy('created_at').orderBy('id').execute())
    },
  },

  readBaselineContent: {
    mode: 'scan',
    async run(db, { id, version }) {
      const row = await db
        .selectFrom('baselines as b')
        .innerJoin('baseline_contents as c', 'c.baseline_id', 'b.id')
        .select('c.content')
        .where('b.id', '=', id)
        .where('b.version', '=', version)
        .executeTakeFirst()
      return row?.content ?? null
    },
  },

  readBaselineDigests: {
    mode: 'scan',
    async run(db, { id, version }) {
      const row = await db
        .selectFrom('baselines as b')
        .innerJoin('baseline_contents as c', 'c.baseline_id', 'b.id')
        .select('c.digests')
        .where('b.id', '=', id)
        .where('b.version', '=', version)
        .executeTakeFirst()
      return row === undefined ? null : toBytes(row.digests)
    },
  },

  updateBaseline: {
    mode: 'write',
    async run(db, { row, content, maxDigestBytes, audit }, context) {
      const { id, userId } = row
      await lockTenant(db, context.dialect, userId)
      const query = db
        .selectFrom('baselines')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const old = await holdRow(context, baselines, query)
      if (old === undefined) return 'missing'
      if (old.row.version !== row.version - 1) return 'conflict'
      if (await nameTaken(db, row)) return 'exists'
      if ((await others(db, row)).bytes + row.digestsLength > maxDigestBytes) return 'too_large'
      await changeRow(db, context, baselines, old, row)
      if (content !== null) {
        await db.updateTable('baseline_contents').set(baselineContent.toColumns(content)).where('baseline_id', '=', id).execute()
      }
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'baseline', [userId], row.updatedAt)
      return 'updated'
    },
  },

  deleteBaselines: {
    mode: 'write',
    async run(db, { userId, ids, attesterType, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = await db.selectFrom('baselines').select(['id', 'attester_type']).where('user_id', '=', userId).orderBy('id').execute()
      const removed = rows
        .filter(({ id }) => ids === null || ids.includes(id))
        .filter(({ attester_type }) => attesterType === null || attester_type === attesterType)
        .map(({ id }) => id)
      if (removed.length === 0) return []
      for (const chunk of chunks(removed)) {
        await db.deleteFrom('baseline_contents').where('baseline_id', 'in', chunk).execute()
      }
      await removeRowsBy(db, context, baselines, 'id', removed)
      await recordAudit(context, auditEach(audit, removed))
      await recordChanges(db, context.dialect, 'baseline', [userId], at)
      return removed
    },
  },

  outdatedBaselines: {
    mode: 'scan',
    async run(db, { keyVersion, after, limit }, context) {
      let query = db.selectFrom('baselines').selectAll().where(INTACT).where('key_version', '<', keyVersion)
      if (after !== null) query = query.where(ID, '>', after)
      return markedRows(context, baselines, await query.orderBy(ID).limit(limit).execute())
    },
  },
} satisfies Pick<OperationTable, keyof BaselineOperations>
