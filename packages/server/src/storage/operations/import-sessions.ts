import { changeRow, deleteRows, findRow, holdRow, holdRows, insertRow } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, chunks } from '../operation.ts'
import type { ImportOperations } from '../ports/imports.ts'
import { importSessions } from '../tables/import-sessions.ts'
import { keys } from '../tables/keys.ts'
import { LIVE } from './keys.ts'
import { recordAudit, recordChanges } from './record.ts'

/** The app's external key, locked until the transaction ends; undefined when there is none that may be imported to. */
function holdExternalKey(db: Db, context: OperationContext, appId: string, keyId: string) {
  const query = db
    .selectFrom('keys')
    .selectAll()
    .where('id', '=', keyId)
    .where('app_id', '=', appId)
    .where('origin', '=', 'external')
    .where(LIVE)
    .$if(context.dialect === 'postgres', (query) => query.forUpdate())
  return holdRow(context, keys, query)
}

/** Sessions of keys that this transaction has locked, by which these are locked as well. */
function sessionsOf(db: Db, keyIds: readonly string[]) {
  return db.selectFrom('import_sessions').selectAll().where('key_id', 'in', keyIds)
}

/** Deletes the import sessions of keys that are about to be deleted. */
export async function deleteImportSessions(db: Db, context: OperationContext, keyIds: readonly string[]): Promise<void> {
  for (const chunk of chunks(keyIds)) {
    await deleteRows(db, context, importSessions, await holdRows(context, importSessions, sessionsOf(db, chunk)))
  }
}

export const importOperations = {
  putImportSession: {
    mode: 'write',
    async run(db, { session, audit }, context) {
      const key = await holdExternalKey(db, context, session.appId, session.keyId)
      if (key === undefined) return 'missing'
      if (key.row.material !== null) return 'imported'
      const former = await holdRow(context, importSessions, sessionsOf(db, [session.keyId]))
      if (former === undefined) await insertRow(db, context, importSessions, session)
      else await changeRow(db, context, importSessions, former, session)
      await recordAudit(context, audit)
      return 'stored'
    },
  },

  findImportSession: {
    mode: 'read',
    async run(db, { keyId }, context) {
      return (await findRow(context, importSessions, sessionsOf(db, [keyId]))) ?? null
    },
  },

  completeImport: {
    mode: 'write',
    async run(db, { appId, keyId, tokenId, material, domainVersion, at, audit }, context) {
      const key = await holdExternalKey(db, context, appId, keyId)
      if (key === undefined) return 'missing'
      const session = await holdRow(context, importSessions, sessionsOf(db, [keyId]))
      if (session === undefined || session.row.tokenId !== tokenId || session.row.expiresAt <= at) return 'token'
      await deleteRows(db, context, importSessions, [session])
      await changeRow(db, context, keys, key, { material, domainVersion })
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'key', [keyId], at)
      return 'imported'
    },
  },

  deleteExpiredImportSessions: {
    mode: 'write',
    async run(db, { now }, context) {
      const query = db
        .selectFrom('import_sessions')
        .selectAll()
        .where('expires_at', '<=', now)
        // One that is being replaced, or used, is passed over.
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const expired = await holdRows(context, importSessions, query)
      await deleteRows(db, context, importSessions, expired)
      return expired.length
    },
  },
} satisfies Pick<OperationTable, keyof ImportOperations>
