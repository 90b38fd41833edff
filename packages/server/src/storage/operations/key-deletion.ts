import { type HeldRow, changeRow, changeRows, deleteRows, holdRow, holdRows } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, chunks } from '../operation.ts'
import type { KeyOperations } from '../ports/keys.ts'
import { keys } from '../tables/keys.ts'
import { deleteImportSessions } from './import-sessions.ts'
import { LIVE } from './keys.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'

type HeldKey = HeldRow<typeof keys>

/** Those of the keys that wrap the data key of a secret, scheduled for deletion or not. */
async function usedBySecrets(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const used = new Set<string>()
  for (const chunk of chunks(ids)) {
    const rows = await db.selectFrom('secrets').select('key_id').distinct().where('key_id', 'in', chunk).execute()
    for (const row of rows) used.add(row.key_id)
  }
  return used
}

/** Removes the rows, and their import sessions. */
async function destroy(db: Db, context: OperationContext, held: readonly HeldKey[]): Promise<void> {
  await deleteImportSessions(
    db,
    context,
    held.map(({ row }) => row.id),
  )
  await deleteRows(db, context, keys, held)
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
    async run(db, { appId, id, deletedAt, destroyAt, keepUsedUntil = destroyAt, audit }, context) {
      let query = db.selectFrom('keys').selectAll().where('app_id', '=', appId).where(LIVE).orderBy('id')
      if (id !== null) query = query.where('id', '=', id)
      if (context.dialect === 'postgres') query = query.forUpdate()
      const held = await holdRows(context, keys, query)
      if (held.length === 0) return []
      const ids = held.map(({ row }) => row.id)
      // A transaction that creates a secret under one of these keys either has committed and is seen here, or waits and finds the key
      // deleted.
      const used = keepUsedUntil === destroyAt ? new Set<string>() : await usedBySecrets(db, ids)
      const unused = held.filter(({ row }) => !used.has(row.id))
      if (destroyAt <= deletedAt) await destroy(db, context, unused)
      else await changeRows(db, context, keys, unused, { deletedAt, destroyAt })
      await changeRows(
        db,
        context,
        keys,
        held.filter(({ row }) => used.has(row.id)),
        { deletedAt, destroyAt: keepUsedUntil },
      )
      await addToKeyCount(db, appId, -ids.length)
      await recordAudit(context, auditEach(audit, ids))
      await recordChanges(db, context.dialect, 'key', ids, deletedAt)
      return ids
    },
  },

  restoreKey: {
    mode: 'write',
    async run(db, { id, appId, at, audit }, context) {
      let query = db.selectFrom('keys').selectAll().where('id', '=', id).where('deleted_at', 'is not', null)
      if (appId !== null) query = query.where('app_id', '=', appId)
      if (context.dialect === 'postgres') query = query.forNoKeyUpdate()
      const held = await holdRow(context, keys, query)
      if (held === undefined) return null
      const restored = { deletedAt: null, destroyAt: null, enabled: false }
      await changeRow(db, context, keys, held, restored)
      await addToKeyCount(db, held.row.appId, 1)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'key', [id], at)
      return { ...held.row, ...restored }
    },
  },

  destroyDueKeys: {
    mode: 'write',
    async run(db, { now, limit, audit }, context) {
      // A key that another server is destroying, or restoring, is passed over.
      const query = db
        .selectFrom('keys')
        .selectAll()
        .where('destroy_at', '<=', now)
        .orderBy('destroy_at')
        .orderBy('id')
        .limit(limit)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const due = await holdRows(context, keys, query)
      const ids = due.map(({ row }) => row.id).sort()
      await destroy(db, context, due)
      await recordAudit(context, auditEach(audit, ids))
      return ids
    },
  },
} satisfies Pick<OperationTable, Extract<keyof KeyOperations, 'deleteKeys' | 'restoreKey' | 'destroyDueKeys'>>
