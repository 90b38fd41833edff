import { deleteRows, findRow, holdRow, insertRow, verifiedPage } from '../authenticated-rows.ts'
import { type Db, type Dialect, type OperationTable, countRows } from '../operation.ts'
import type { CollateralOperations, QuotePolicyOperations, SimulatedPkiOperations } from '../ports/quotes.ts'
import { collateral } from '../tables/collateral.ts'
import { quotePolicies } from '../tables/quote-policies.ts'
import { simulatedPkis } from '../tables/simulated-pkis.ts'
import { recordAudit } from './record.ts'

/** Orders those who add policies to one app, so that its limit is exact; SQLite has one writer anyway. */
async function lockApp(db: Db, dialect: Dialect, appId: string): Promise<void> {
  if (dialect === 'postgres') await db.selectFrom('apps').select('id').where('id', '=', appId).forUpdate().executeTakeFirst()
}

export const quoteOperations = {
  insertQuotePolicy: {
    mode: 'write',
    async run(db, { policy, limit, audit }, context) {
      await lockApp(db, context.dialect, policy.appId)
      const count = await countRows(db.selectFrom('quote_policies').where('app_id', '=', policy.appId))
      if (count >= limit) return 'limit'
      await insertRow(db, context, quotePolicies, policy)
      await recordAudit(context, audit)
      return 'created'
    },
  },

  findQuotePolicy: {
    mode: 'read',
    async run(db, { appId, id }, context) {
      const query = db.selectFrom('quote_policies').selectAll().where('id', '=', id).where('app_id', '=', appId)
      return (await findRow(context, quotePolicies, query)) ?? null
    },
  },

  listQuotePolicies: {
    mode: 'scan',
    run(db, { appId, after, limit }, context) {
      return verifiedPage(context, quotePolicies, limit, (last, count) => {
        const { createdAt, id } = (last && { createdAt: last.created_at, id: last.id }) ?? after ?? { createdAt: -1, id: '' }
        return db
          .selectFrom('quote_policies')
          .selectAll()
          .$if(appId !== null, (query) => query.where('app_id', '=', appId))
          .where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(createdAt, id)))
          .orderBy('created_at')
          .orderBy('id')
          .limit(count)
      })
    },
  },

  deleteQuotePolicy: {
    mode: 'write',
    async run(db, { id, audit }, context) {
      const query = db
        .selectFrom('quote_policies')
        .selectAll()
        .where('id', '=', id)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const held = await holdRow(context, quotePolicies, query)
      if (held === undefined) return false
      await deleteRows(db, context, quotePolicies, [held])
      await recordAudit(context, audit)
      return true
    },
  },

  findCollateral: {
    mode: 'read',
    async run(db, { platform }) {
      const row = await db.selectFrom('collateral').selectAll().where('platform', '=', platform).executeTakeFirst()
      return row === undefined ? null : collateral.fromColumns(row)
    },
  },

  putCollateral: {
    mode: 'write',
    async run(db, { row, limit }) {
      const columns = collateral.toColumns(row)
      await db
        .insertInto('collateral')
        .values(columns)
        .onConflict((conflict) => conflict.column('platform').doUpdateSet(columns))
        .execute()
      await db
        .deleteFrom('collateral')
        .where('platform', '!=', row.platform)
        .where('platform', 'not in', (query) =>
          query
            .selectFrom('collateral')
            .select('platform')
            .where('platform', '!=', row.platform)
            .orderBy('fetched_at', 'desc')
            .orderBy('platform')
            .limit(Math.max(0, limit - 1)),
        )
        .execute()
    },
  },

  findSimulatedPki: {
    mode: 'read',
    async run(db, { id }, context) {
      return (await findRow(context, simulatedPkis, db.selectFrom('simulated_pkis').selectAll().where('id', '=', id))) ?? null
    },
  },

  insertSimulatedPki: {
    mode: 'write',
    run: (db, { row }, context) => insertRow(db, context, simulatedPkis, row, ['id']),
  },
} satisfies Pick<OperationTable, keyof (QuotePolicyOperations & CollateralOperations & SimulatedPkiOperations)>
