import { sql } from 'kysely'
import { type HeldRow, changeRow, deleteRows, holdRows, removeRowsBy } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, chunks } from '../operation.ts'
import type { SecretDeletionOperations } from '../ports/secrets.ts'
import { secretVersions } from '../tables/secret-versions.ts'
import { secrets } from '../tables/secrets.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { holdSecretNamed } from './secrets.ts'

/**
 * Removes the rows. The wrapped data keys are overwritten before anything else: SQLite overwrites a row of the same size in its place, so
 * what freed pages may keep of the values can't be opened. (PostgreSQL keeps old rows until it vacuums.)
 */
async function destroy(db: Db, context: OperationContext, held: readonly HeldRow<typeof secrets>[]): Promise<void> {
  const nothing = context.dialect === 'sqlite' ? sql<Uint8Array>`zeroblob(length(data_key))` : new Uint8Array()
  const secretIds = held.map(({ row }) => row.id)
  for (const ids of chunks(secretIds)) {
    // With what the row's MAC was: nobody reads it any more.
    await db.updateTable('secrets').set({ data_key: nothing }).where('id', 'in', ids).execute()
  }
  await removeRowsBy(db, context, secretVersions, 'secretId', secretIds)
  await deleteRows(db, context, secrets, held)
}

export const secretDeletionOperations = {
  scheduleSecretDeletion: {
    mode: 'write',
    async run(db, { appId, name, deletedAt, destroyAt, audit }, context) {
      const held = await holdSecretNamed(db, context, appId, name)
      if (held === undefined) return false
      await changeRow(db, context, secrets, held, { deletedAt, destroyAt })
      await recordAudit(context, auditEach(audit, [held.row.id]))
      return true
    },
  },

  destroySecret: {
    mode: 'write',
    async run(db, { appId, name, at, audit }, context) {
      const held = await holdSecretNamed(db, context, appId, name)
      if (held === undefined) return false
      const { id } = held.row
      await destroy(db, context, [held])
      await recordAudit(context, auditEach(audit, [id]))
      await recordChanges(db, context.dialect, 'secret', [id], at)
      return true
    },
  },

  restoreSecret: {
    mode: 'write',
    async run(db, { appId, name, audit }, context) {
      const held = await holdSecretNamed(db, context, appId, name)
      if (held === undefined) return false
      if (held.row.deletedAt === null) return true
      await changeRow(db, context, secrets, held, { deletedAt: null, destroyAt: null })
      await recordAudit(context, auditEach(audit, [held.row.id]))
      return true
    },
  },

  destroyDueSecrets: {
    mode: 'write',
    async run(db, { now, limit, audit }, context) {
      // What is restored has no time of destruction any more; one that is being restored, or destroyed elsewhere, is passed over.
      const query = db
        .selectFrom('secrets')
        .selectAll()
        .where('destroy_at', '<=', now)
        .orderBy('destroy_at')
        .orderBy('id')
        .limit(limit)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const due = await holdRows(context, secrets, query)
      const ids = due.map(({ row }) => row.id).sort()
      await destroy(db, context, due)
      await recordAudit(context, auditEach(audit, ids))
      if (ids.length > 0) await recordChanges(db, context.dialect, 'secret', ids, now)
      return ids
    },
  },
} satisfies Pick<OperationTable, keyof SecretDeletionOperations>
