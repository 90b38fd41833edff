import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { type Db, type OperationTable, chunks, countRows } from '../operation.ts'
import type { PolicyOperations } from '../ports/policies.ts'
import { policies, policySummary, policyTypes } from '../tables/policies.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { ID, INTACT } from './signed-rows.ts'
import { lockTenant } from './tenant-lock.ts'

/** Whether another of the user's policies than the one with the row id has a name. */
async function nameTaken(db: Db, { id, userId, name }: { id: string; userId: string; name: string }): Promise<boolean> {
  const namesake = db.selectFrom('policies').select('id').where('user_id', '=', userId).where('name', '=', name).where('id', '!=', id)
  return (await namesake.executeTakeFirst()) !== undefined
}

export const policyOperations = {
  insertPolicy: {
    mode: 'write',
    async run(db, { row, limit, audit }, context) {
      const { userId, policyId } = row
      await lockTenant(db, context.dialect, userId)
      const sameId = db.selectFrom('policies').select('id').where('user_id', '=', userId).where('policy_id', '=', policyId)
      if ((await sameId.executeTakeFirst()) !== undefined || (await nameTaken(db, row))) return 'exists'
      const count = await countRows(db.selectFrom('policies').where('user_id', '=', userId))
      if (count >= limit) return 'limit'
      await db.insertInto('policies').values(policies.toColumns(row)).execute()
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'policy', [userId], row.createdAt)
      return 'created'
    },
  },

  listPolicies: {
    mode: 'read',
    async run(db, { userId }) {
      const rows = db.selectFrom('policies').select(policySummary.names).where('user_id', '=', userId)
      return (await rows.orderBy('updated_at', 'desc').orderBy('policy_id').execute()).map(policySummary.fromColumns)
    },
  },

  readPolicies: {
    mode: 'scan',
    async run(db, { userId, policyIds }) {
      let rows = db.selectFrom('policies').selectAll().where('user_id', '=', userId)
      if (policyIds !== null) rows = rows.where(policyIds.length === 0 ? sql<SqlBool>`1 = 0` : ({ eb }) => eb('policy_id', 'in', policyIds))
      return (await rows.orderBy('updated_at', 'desc').orderBy('policy_id').execute()).map(policies.fromColumns)
    },
  },

  updatePolicy: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      const { id, userId } = row
      await lockTenant(db, context.dialect, userId)
      const before = db.selectFrom('policies').select('version').where('id', '=', id).where('user_id', '=', userId)
      const old = await before.executeTakeFirst()
      if (old === undefined) return 'missing'
      if (old.version !== row.version - 1) return 'conflict'
      if (await nameTaken(db, row)) return 'exists'
      await db.updateTable('policies').set(policies.toColumns(row)).where('id', '=', id).execute()
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'policy', [userId], row.updatedAt)
      return 'updated'
    },
  },

  deletePolicies: {
    mode: 'write',
    async run(db, { userId, policyIds, attesterType, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = db.selectFrom('policies').select(policyTypes.names).where('user_id', '=', userId)
      const wanted = (await rows.orderBy('policy_id').execute())
        .map(policyTypes.fromColumns)
        .filter(({ policyId }) => policyIds === null || policyIds.includes(policyId))
        .filter(({ attesterTypes }) => attesterType === null || attesterTypes.includes(attesterType))
      if (wanted.length === 0) return []
      for (const chunk of chunks(wanted.map(({ id }) => id))) await db.deleteFrom('policies').where('id', 'in', chunk).execute()
      const removed = wanted.map(({ policyId }) => policyId)
      await recordAudit(context, auditEach(audit, removed))
      await recordChanges(db, context.dialect, 'policy', [userId], at)
      return removed
    },
  },

  outdatedPolicies: {
    mode: 'scan',
    async run(db, { keyVersion, after, limit }) {
      let query = db.selectFrom('policies').select(policySummary.names).where(INTACT).where('key_version', '<', keyVersion)
      if (after !== null) query = query.where(ID, '>', after)
      return (await query.orderBy(ID).limit(limit).execute()).map(policySummary.fromColumns)
    },
  },
} satisfies Pick<OperationTable, keyof PolicyOperations>
