import { sql } from 'kysely'
import type { Selectable, SqlBool } from 'kysely'
import { changeRow, holdRow, insertRow, markedRows, removeRowsBy } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, countRows } from '../operation.ts'
import type { PolicyOperations } from '../ports/policies.ts'
import type { StoredOf } from '../table.ts'
import { type PolicySummary, policies, policySummary, storedSummary } from '../tables/policies.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { ID, INTACT } from './signed-rows.ts'
import { lockTenant } from './tenant-lock.ts'

/** Whether another of the user's policies than the one with the row id has a name. */
async function nameTaken(db: Db, { id, userId, name }: { id: string; userId: string; name: string }): Promise<boolean> {
  const namesake = db.selectFrom('policies').select('id').where('user_id', '=', userId).where('name', '=', name).where('id', '!=', id)
  return (await namesake.executeTakeFirst()) !== undefined
}

/** Rows that were read without their texts, which their MACs leave out. */
function summaries(context: OperationContext, rows: readonly Omit<Selectable<StoredOf<typeof policies>>, 'content'>[]): PolicySummary[] {
  return markedRows(context, policies, rows as never).map(policySummary.of)
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
      await insertRow(db, context, policies, row)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'policy', [userId], row.createdAt)
      return 'created'
    },
  },

  listPolicies: {
    mode: 'read',
    async run(db, { userId }, context) {
      const rows = db.selectFrom('policies').select(storedSummary).where('user_id', '=', userId)
      return summaries(context, await rows.orderBy('updated_at', 'desc').orderBy('policy_id').execute())
    },
  },

  readPolicies: {
    mode: 'scan',
    async run(db, { userId, policyIds }, context) {
      let rows = db.selectFrom('policies').selectAll().where('user_id', '=', userId)
      if (policyIds !== null) rows = rows.where(policyIds.length === 0 ? sql<SqlBool>`1 = 0` : ({ eb }) => eb('policy_id', 'in', policyIds))
      return markedRows(context, policies, await rows.orderBy('updated_at', 'desc').orderBy('policy_id').execute())
    },
  },

  updatePolicy: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      const { id, userId } = row
      await lockTenant(db, context.dialect, userId)
      const query = db
        .selectFrom('policies')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const old = await holdRow(context, policies, query)
      if (old === undefined) return 'missing'
      if (old.row.version !== row.version - 1) return 'conflict'
      if (await nameTaken(db, row)) return 'exists'
      await changeRow(db, context, policies, old, row)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'policy', [userId], row.updatedAt)
      return 'updated'
    },
  },

  deletePolicies: {
    mode: 'write',
    async run(db, { userId, policyIds, attesterType, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = db.selectFrom('policies').select(storedSummary).where('user_id', '=', userId)
      // Its owner deletes an altered one, too, and adds it again.
      const wanted = summaries(context, await rows.orderBy('policy_id').execute())
        .filter(({ policyId }) => policyIds === null || policyIds.includes(policyId))
        .filter(({ attesterTypes }) => attesterType === null || attesterTypes.includes(attesterType))
      if (wanted.length === 0) return []
      const ids = wanted.map(({ id }) => id)
      await removeRowsBy(db, context, policies, 'id', ids)
      const removed = wanted.map(({ policyId }) => policyId)
      await recordAudit(context, auditEach(audit, removed))
      await recordChanges(db, context.dialect, 'policy', [userId], at)
      return removed
    },
  },

  outdatedPolicies: {
    mode: 'scan',
    async run(db, { keyVersion, after, limit }, context) {
      let query = db.selectFrom('policies').select(storedSummary).where(INTACT).where('key_version', '<', keyVersion)
      if (after !== null) query = query.where(ID, '>', after)
      return summaries(context, await query.orderBy(ID).limit(limit).execute())
    },
  },
} satisfies Pick<OperationTable, keyof PolicyOperations>
