import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { changeRow, deleteRows, holdRow, holdRows, insertRow, verifiedPage } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, countRows } from '../operation.ts'
import type { EnrollTokenOperations } from '../ports/enroll-tokens.ts'
import { enrollTokenSummary, enrollTokens } from '../tables/enroll-tokens.ts'
import { recordAudit } from './record.ts'

/** Uses a token up for an app and returns its id; undefined when there is none, or none that can still be used. Of several at once, one wins. */
export async function useEnrollToken(
  db: Db,
  context: OperationContext,
  tokenHash: Uint8Array,
  appId: string,
  at: number,
): Promise<string | undefined> {
  const query = db
    .selectFrom('enroll_tokens')
    .selectAll()
    .where('token_hash', '=', tokenHash)
    .$if(context.dialect === 'postgres', (query) => query.forNoKeyUpdate())
  const held = await holdRow(context, enrollTokens, query)
  if (held === undefined || held.row.usedAt !== null || held.row.expiresAt <= at) return undefined
  await changeRow(db, context, enrollTokens, held, { usedAt: at, appId })
  return held.row.id
}

export const enrollTokenOperations = {
  insertEnrollToken: {
    mode: 'write',
    async run(db, { token, limit, audit }, context) {
      const count = await countRows(db.selectFrom('enroll_tokens').where('used_at', 'is', null).where('expires_at', '>', token.createdAt))
      if (count >= limit) return 'limit'
      await insertRow(db, context, enrollTokens, { ...token, usedAt: null, appId: null })
      await recordAudit(context, audit)
      return 'created'
    },
  },

  listEnrollTokens: {
    mode: 'scan',
    async run(db, { before, limit }, context) {
      const page = await verifiedPage(context, enrollTokens, limit, (last, count) => {
        const earlier = last === null ? before : { createdAt: last.created_at, id: last.id }
        const query = db.selectFrom('enroll_tokens').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(count)
        return earlier === null ? query : query.where(sql<SqlBool>`(created_at, id) < (${earlier.createdAt}, ${earlier.id})`)
      })
      return page.map(enrollTokenSummary.of)
    },
  },

  deleteEnrollToken: {
    mode: 'write',
    async run(db, { id, audit }, context) {
      const query = db
        .selectFrom('enroll_tokens')
        .selectAll()
        .where('id', '=', id)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const held = await holdRow(context, enrollTokens, query)
      if (held === undefined || held.row.usedAt !== null) return false
      await deleteRows(db, context, enrollTokens, [held])
      await recordAudit(context, audit)
      return true
    },
  },

  deleteExpiredEnrollTokens: {
    mode: 'write',
    async run(db, { before }, context) {
      const query = db
        .selectFrom('enroll_tokens')
        .selectAll()
        .where('expires_at', '<=', before)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const expired = await holdRows(context, enrollTokens, query)
      await deleteRows(db, context, enrollTokens, expired)
      return expired.length
    },
  },
} satisfies Pick<OperationTable, keyof EnrollTokenOperations>
