import { sql } from 'kysely'
import { type Db, type Dialect, type OperationTable, chunks } from '../operation.ts'
import type { SecretDeletionOperations } from '../ports/secrets.ts'
import { exactText } from '../tables/secrets.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'

/**
 * Removes the rows. The wrapped data keys are overwritten before anything else: SQLite overwrites a row of the same size in its place, so
 * what freed pages may keep of the values can't be opened. (PostgreSQL keeps old rows until it vacuums.)
 */
async function destroy(db: Db, dialect: Dialect, ids: readonly string[]): Promise<void> {
  const nothing = dialect === 'sqlite' ? sql<Uint8Array>`zeroblob(length(data_key))` : new Uint8Array()
  for (const chunk of chunks(ids)) {
    await db.updateTable('secrets').set({ data_key: nothing }).where('id', 'in', chunk).execute()
    // The versions go with their secrets.
    await db.deleteFrom('secrets').where('id', 'in', chunk).execute()
  }
}

export const secretDeletionOperations = {
  scheduleSecretDeletion: {
    mode: 'write',
    async run(db, { appId, name, deletedAt, destroyAt, audit }) {
      const row = await db
        .updateTable('secrets')
        .set({ deleted_at: deletedAt, destroy_at: destroyAt })
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) return false
      await recordAudit(db, auditEach(audit, [row.id]))
      return true
    },
  },

  destroySecret: {
    mode: 'write',
    async run(db, { appId, name, at, audit }, dialect) {
      const row = await db
        .selectFrom('secrets')
        .select('id')
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .$if(dialect === 'postgres', (query) => query.forUpdate())
        .executeTakeFirst()
      if (row === undefined) return false
      await destroy(db, dialect, [row.id])
      await recordAudit(db, auditEach(audit, [row.id]))
      await recordChanges(db, dialect, 'secret', [row.id], at)
      return true
    },
  },

  restoreSecret: {
    mode: 'write',
    async run(db, { appId, name, audit }, dialect) {
      const row = await db
        .selectFrom('secrets')
        .select(['id', 'deleted_at'])
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .$if(dialect === 'postgres', (query) => query.forUpdate())
        .executeTakeFirst()
      if (row === undefined) return false
      if (row.deleted_at === null) return true
      await db.updateTable('secrets').set({ deleted_at: null, destroy_at: null }).where('id', '=', row.id).execute()
      await recordAudit(db, auditEach(audit, [row.id]))
      return true
    },
  },

  destroyDueSecrets: {
    mode: 'write',
    async run(db, { now, limit, audit }, dialect) {
      // What is restored has no time of destruction any more; one that is being restored, or destroyed elsewhere, is passed over.
      const due = await db
        .selectFrom('secrets')
        .select('id')
        .where('destroy_at', '<=', now)
        .orderBy('destroy_at')
        .orderBy('id')
        .limit(limit)
        .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked())
        .execute()
      const ids = due.map((row) => row.id).sort()
      await destroy(db, dialect, ids)
      await recordAudit(db, auditEach(audit, ids))
      if (ids.length > 0) await recordChanges(db, dialect, 'secret', ids, now)
      return ids
    },
  },
} satisfies Pick<OperationTable, keyof SecretDeletionOperations>
