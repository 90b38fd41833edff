import { sql } from 'kysely'
import type { Db, Dialect, OperationTable } from '../operation.ts'
import type { ImportOperations } from '../ports/imports.ts'
import { importSessions } from '../tables/import-sessions.ts'
import { LIVE } from './keys.ts'
import { recordAudit, recordChanges } from './record.ts'

/** The app's external key, locked until the transaction ends; undefined when there is none that may be imported to. */
function lockExternalKey(db: Db, dialect: Dialect, appId: string, keyId: string) {
  return db
    .selectFrom('keys')
    .select(sql<0 | 1>`case when material is null then 0 else 1 end`.as('imported'))
    .where('id', '=', keyId)
    .where('app_id', '=', appId)
    .where('origin', '=', 'external')
    .where(LIVE)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
}

export const importOperations = {
  putImportSession: {
    mode: 'write',
    async run(db, { session, audit }, dialect) {
      const key = await lockExternalKey(db, dialect, session.appId, session.keyId)
      if (key === undefined) return 'missing'
      if (key.imported === 1) return 'imported'
      const { key_id, ...columns } = importSessions.toColumns(session)
      await db
        .insertInto('import_sessions')
        .values({ key_id, ...columns })
        .onConflict((conflict) => conflict.column('key_id').doUpdateSet(columns))
        .execute()
      await recordAudit(db, audit)
      return 'stored'
    },
  },

  findImportSession: {
    mode: 'read',
    async run(db, { keyId }) {
      const row = await db.selectFrom('import_sessions').selectAll().where('key_id', '=', keyId).executeTakeFirst()
      return row === undefined ? null : importSessions.fromColumns(row)
    },
  },

  completeImport: {
    mode: 'write',
    async run(db, { appId, keyId, tokenId, material, domainVersion, at, audit }, dialect) {
      const key = await lockExternalKey(db, dialect, appId, keyId)
      if (key === undefined) return 'missing'
      const { numDeletedRows } = await db
        .deleteFrom('import_sessions')
        .where('key_id', '=', keyId)
        .where('token_id', '=', tokenId)
        .where('expires_at', '>', at)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return 'token'
      await db.updateTable('keys').set({ material, domain_version: domainVersion }).where('id', '=', keyId).execute()
      await recordAudit(db, audit)
      await recordChanges(db, dialect, 'key', [keyId], at)
      return 'imported'
    },
  },

  deleteExpiredImportSessions: {
    mode: 'write',
    async run(db, { now }) {
      const { numDeletedRows } = await db.deleteFrom('import_sessions').where('expires_at', '<=', now).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, keyof ImportOperations>
