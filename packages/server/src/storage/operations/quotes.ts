import { bytes } from '../columns.ts'
import { type Db, type Dialect, type OperationTable } from '../operation.ts'
import type { QuotePort } from '../quote-port.ts'
import type { QuotePolicyRow } from '../rows.ts'
import type { QuotePoliciesTable } from '../schema.ts'
import { recordAudit } from './record.ts'

/** Orders those who add policies to one app, so that its limit is exact; SQLite has one writer anyway. */
async function lockApp(db: Db, dialect: Dialect, appId: string): Promise<void> {
  if (dialect === 'postgres') await db.selectFrom('apps').select('id').where('id', '=', appId).forUpdate().executeTakeFirst()
}

export const quoteOperations = {
  insertQuotePolicy: {
    mode: 'write',
    async run(db, { policy, limit, audit }, dialect) {
      await lockApp(db, dialect, policy.appId)
      const { count } = await db
        .selectFrom('quote_policies')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('app_id', '=', policy.appId)
        .executeTakeFirstOrThrow()
      if (count >= limit) return 'limit'
      await db.insertInto('quote_policies').values(policyToColumns(policy)).execute()
      await recordAudit(db, audit === null ? [] : [audit])
      return 'created'
    },
  },

  findQuotePolicy: {
    mode: 'read',
    async run(db, { appId, id }) {
      const row = await db.selectFrom('quote_policies').selectAll().where('id', '=', id).where('app_id', '=', appId).executeTakeFirst()
      return row === undefined ? null : policyFromColumns(row)
    },
  },

  listQuotePolicies: {
    mode: 'scan',
    async run(db, { appId, after, limit }) {
      const { createdAt, id } = after ?? { createdAt: -1, id: '' }
      const rows = await db
        .selectFrom('quote_policies')
        .selectAll()
        .$if(appId !== null, (query) => query.where('app_id', '=', appId))
        .where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(createdAt, id)))
        .orderBy('created_at')
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(policyFromColumns)
    },
  },

  deleteQuotePolicy: {
    mode: 'write',
    async run(db, { id, audit }) {
      const { numDeletedRows } = await db.deleteFrom('quote_policies').where('id', '=', id).executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      await recordAudit(db, audit === null ? [] : [audit])
      return true
    },
  },

  findCollateral: {
    mode: 'read',
    async run(db, { platform }) {
      const row = await db.selectFrom('collateral').selectAll().where('platform', '=', platform).executeTakeFirst()
      if (row === undefined) return null
      return { platform, parts: bytes(row.parts), fetchedAt: row.fetched_at, expiresAt: row.expires_at }
    },
  },

  putCollateral: {
    mode: 'write',
    async run(db, { row, limit }) {
      const columns = { parts: row.parts, fetched_at: row.fetchedAt, expires_at: row.expiresAt }
      await db
        .insertInto('collateral')
        .values({ platform: row.platform, ...columns })
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
    async run(db, { id }) {
      const row = await db.selectFrom('simulated_pkis').selectAll().where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : { id, sealed: bytes(row.sealed), domainVersion: row.domain_version, createdAt: row.created_at }
    },
  },

  insertSimulatedPki: {
    mode: 'write',
    async run(db, { row }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('simulated_pkis')
        .values({ id: row.id, sealed: row.sealed, domain_version: row.domainVersion, created_at: row.createdAt })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .executeTakeFirstOrThrow()
      return numInsertedOrUpdatedRows === 1n
    },
  },
} satisfies Pick<OperationTable, keyof QuotePort>

function policyFromColumns(row: QuotePoliciesTable): QuotePolicyRow {
  return { id: row.id, appId: row.app_id, mrEnclave: row.mr_enclave, mrSigner: row.mr_signer, createdAt: row.created_at }
}

function policyToColumns(policy: QuotePolicyRow): QuotePoliciesTable {
  return {
    id: policy.id,
    app_id: policy.appId,
    mr_enclave: policy.mrEnclave,
    mr_signer: policy.mrSigner,
    created_at: policy.createdAt,
  }
}
