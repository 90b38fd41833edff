import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { type Db, type OperationTable, countRows } from '../operation.ts'
import type { EnrollTokenOperations } from '../ports/enroll-tokens.ts'
import { enrollTokenSummary, enrollTokens } from '../tables/enroll-tokens.ts'
import { recordAudit } from './record.ts'

/** Uses a token up for an app and returns its id; undefined when there is none, or none that can still be used. Of several at once, one wins. */
export async function useEnrollToken(db: Db, tokenHash: Uint8Array, appId: string, at: number): Promise<string | undefined> {
  const used = await db
    .updateTable('enroll_tokens')
    .set({ used_at: at, app_id: appId })
    .where('token_hash', '=', tokenHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', at)
    .returning('id')
    .executeTakeFirst()
  return used?.id
}

export const enrollTokenOperations = {
  insertEnrollToken: {
    mode: 'write',
    async run(db, { token, limit, audit }) {
      const count = await countRows(db.selectFrom('enroll_tokens').where('used_at', 'is', null).where('expires_at', '>', token.createdAt))
      if (count >= limit) return 'limit'
      await db
        .insertInto('enroll_tokens')
        .values(enrollTokens.toColumns({ ...token, usedAt: null, appId: null }))
        .execute()
      await recordAudit(db, audit)
      return 'created'
    },
  },

  listEnrollTokens: {
    mode: 'scan',
    async run(db, { before, limit }) {
      let query = db
        .selectFrom('enroll_tokens')
        .select(enrollTokenSummary.names)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
      if (before !== null) query = query.where(sql<SqlBool>`(created_at, id) < (${before.createdAt}, ${before.id})`)
      return (await query.execute()).map(enrollTokenSummary.fromColumns)
    },
  },

  deleteEnrollToken: {
    mode: 'write',
    async run(db, { id, audit }) {
      const { numDeletedRows } = await db
        .deleteFrom('enroll_tokens')
        .where('id', '=', id)
        .where('used_at', 'is', null)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      await recordAudit(db, audit)
      return true
    },
  },

  deleteExpiredEnrollTokens: {
    mode: 'write',
    async run(db, { before }) {
      const { numDeletedRows } = await db.deleteFrom('enroll_tokens').where('expires_at', '<=', before).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, keyof EnrollTokenOperations>
