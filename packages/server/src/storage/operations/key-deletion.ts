import { type Db, type OperationTable, chunks } from '../operation.ts'
import type { KeyOperations } from '../ports/keys.ts'
import { keys } from '../tables/keys.ts'
import { LIVE } from './keys.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'

/** Those of the keys that wrap the data key of a secret, scheduled for deletion or not. */
async function usedBySecrets(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const used = new Set<string>()
  for (const chunk of chunks(ids)) {
    const rows = await db.selectFrom('secrets').select('key_id').distinct().where('key_id', 'in', chunk).execute()
    for (const row of rows) used.add(row.key_id)
  }
  return used
}

/** Removes the rows; their import sessions go with them. */
async function destroy(db: Db, ids: readonly string[]): Promise<void> {
  for (const chunk of chunks(ids)) await db.deleteFrom('keys').where('id', 'in', chunk).execute()
}

async function mark(db: Db, ids: readonly string[], deletedAt: number, destroyAt: number): Promise<void> {
  for (const chunk of chunks(ids)) {
    await db.updateTable('keys').set({ deleted_at: deletedAt, destroy_at: destroyAt }).where('id', 'in', chunk).execute()
  }
}

async function addToKeyCount(db: Db, appId: string, n: number): Promise<void> {
  await db
    .updateTable('apps')
    .set((eb) => ({ key_count: eb('key_count', '+', n) }))
    .where('id', '=', appId)
    .execute()
}

export const keyDeletionOperations = {
  deleteKeys: {
    mode: 'write',
    async run(db, { appId, id, deletedAt, destroyAt, keepUsedUntil = destroyAt, audit }, dialect) {
      let query = db.selectFrom('keys').select('id').where('app_id', '=', appId).where(LIVE).orderBy('id')
      if (id !== null) query = query.where('id', '=', id)
      if (dialect === 'postgres') query = query.forUpdate()
      const ids = (await query.execute()).map((row) => row.id)
      if (ids.length === 0) return []
      // A transaction that creates a secret under one of these keys either has committed and is seen here, or waits and finds the key
      // deleted.
      const used = keepUsedUntil === destroyAt ? new Set<string>() : await usedBySecrets(db, ids)
      const unused = ids.filter((key) => !used.has(key))
      if (destroyAt <= deletedAt) await destroy(db, unused)
      else await mark(db, unused, deletedAt, destroyAt)
      await mark(db, [...used], deletedAt, keepUsedUntil)
      await addToKeyCount(db, appId, -ids.length)
      await recordAudit(db, auditEach(audit, ids))
      await recordChanges(db, dialect, 'key', ids, deletedAt)
      return ids
    },
  },

  restoreKey: {
    mode: 'write',
    async run(db, { id, appId, at, audit }, dialect) {
      let query = db
        .updateTable('keys')
        .set({ deleted_at: null, destroy_at: null, enabled: 0 })
        .where('id', '=', id)
        .where('deleted_at', 'is not', null)
      if (appId !== null) query = query.where('app_id', '=', appId)
      const row = await query.returningAll().executeTakeFirst()
      if (row === undefined) return null
      await addToKeyCount(db, row.app_id, 1)
      await recordAudit(db, audit)
      await recordChanges(db, dialect, 'key', [id], at)
      return keys.fromColumns(row)
    },
  },

  destroyDueKeys: {
    mode: 'write',
    async run(db, { now, limit, audit }, dialect) {
      // A key that another server is destroying, or restoring, is passed over.
      const due = await db
        .selectFrom('keys')
        .select('id')
        .where('destroy_at', '<=', now)
        .orderBy('destroy_at')
        .orderBy('id')
        .limit(limit)
        .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked())
        .execute()
      const ids = due.map((row) => row.id).sort()
      await destroy(db, ids)
      await recordAudit(db, auditEach(audit, ids))
      return ids
    },
  },
} satisfies Pick<OperationTable, Extract<keyof KeyOperations, 'deleteKeys' | 'restoreKey' | 'destroyDueKeys'>>
