import { sql } from 'kysely'
import { USER_COUNT_LOCK } from '../advisory-locks.ts'
import { changeRow, deleteRows, holdRow, holdRows, insertRow, removeRowsBy, verifiedPage, verifiedRows } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, compiledOnce, countRows } from '../operation.ts'
import type { UserOperations } from '../ports/users.ts'
import { userCredentials } from '../tables/user-credentials.ts'
import { users } from '../tables/users.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'

const byFingerprint = compiledOnce((db) => db.selectFrom('user_credentials').selectAll().where('fingerprint', '=', new Uint8Array()))

/** The user's row, locked to the end of the transaction on PostgreSQL, created if there is none. */
async function lockUser(db: Db, context: OperationContext, id: string, at: number): Promise<void> {
  await insertRow(db, context, users, { id, createdAt: at }, ['id'])
  if (context.dialect === 'postgres') await db.selectFrom('users').select('id').where('id', '=', id).forUpdate().execute()
}

/** The credentials with one of these ids, and those that were made from one of them. */
function ofFamily(db: Db, ids: readonly string[]) {
  return db.selectFrom('user_credentials').where(({ eb, or }) => or([eb('id', 'in', ids), eb('made_from', 'in', ids)]))
}

export const userOperations = {
  insertUser: {
    mode: 'write',
    async run(db, { credential, limit, audit }, context) {
      if (context.dialect === 'postgres') await sql`select pg_advisory_xact_lock(${USER_COUNT_LOCK})`.execute(db)
      const count = await countRows(db.selectFrom('users'))
      if (count >= limit) return 'limit'
      await insertRow(db, context, users, { id: credential.userId, createdAt: credential.createdAt })
      await insertRow(db, context, userCredentials, credential)
      await recordAudit(context, audit)
      return 'created'
    },
  },

  insertUserCredential: {
    mode: 'write',
    async run(db, { credential, limit, replaces, audit }, context) {
      await lockUser(db, context, credential.userId, credential.createdAt)
      const replaced =
        replaces === null
          ? undefined
          : await holdRow(
              context,
              userCredentials,
              db
                .selectFrom('user_credentials')
                .selectAll()
                .where('id', '=', replaces.id)
                .where('user_id', '=', credential.userId)
                .$if(context.dialect === 'postgres', (query) => query.forNoKeyUpdate()),
            )
      if (replaces !== null && replaced === undefined) return 'missing'
      const count = await countRows(db.selectFrom('user_credentials').where('user_id', '=', credential.userId))
      if (count >= limit) return 'limit'
      if (!(await insertRow(db, context, userCredentials, credential, ['fingerprint']))) return 'exists'
      if (replaces !== null && replaced !== undefined) {
        const { expiresAt, seal, domainVersion } = replaces
        const isLonger = replaced.row.expiresAt === null || replaced.row.expiresAt > expiresAt
        if (isLonger) await changeRow(db, context, userCredentials, replaced, { expiresAt, seal, domainVersion })
      }
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'user', [replaces?.id ?? credential.id], credential.createdAt)
      return 'created'
    },
  },

  findUserCredential: {
    mode: 'read',
    async run(db, { fingerprint }, context) {
      // One that was altered is as good as none: its holder can't be identified.
      const [row] = verifiedRows(context, userCredentials, await byFingerprint(db, context.dialect, [fingerprint]))
      return row ?? null
    },
  },

  listUserCredentials: {
    mode: 'read',
    run(db, { userId, after, limit }, context) {
      return verifiedPage(context, userCredentials, limit, (last, count) => {
        const following = last?.id ?? after
        let query = db.selectFrom('user_credentials').selectAll().orderBy('id').limit(count)
        if (userId !== null) query = query.where('user_id', '=', userId)
        if (following !== null) query = query.where('id', '>', following)
        return query
      })
    },
  },

  deleteUserCredential: {
    mode: 'write',
    async run(db, { id, at, audit }, context) {
      const { user_id: userId } = (await ofFamily(db, [id]).select('user_id').limit(1).executeTakeFirst()) ?? {}
      if (userId === undefined) return []
      // No key can be made from one of these meanwhile.
      await lockUser(db, context, userId, at)
      const family = new Set([id])
      for (let parents: string[] = [id]; parents.length > 0;) {
        const children = await ofFamily(db, parents).select('id').execute()
        parents = children.map((child) => child.id).filter((child) => !family.has(child))
        for (const child of parents) family.add(child)
      }
      // Altered ones too: what is revoked must not come back when it is put back as it was.
      const removed = await removeRowsBy(db, context, userCredentials, 'id', [...family])
      const ids = removed.map((row) => row['id'] as string).sort()
      await recordAudit(context, auditEach(audit, ids))
      await recordChanges(db, context.dialect, 'user', ids, at)
      return ids
    },
  },

  deleteExpiredUserCredentials: {
    mode: 'write',
    async run(db, { now }, context) {
      const query = db
        .selectFrom('user_credentials')
        .selectAll()
        .where('expires_at', '<=', now)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const expired = await holdRows(context, userCredentials, query)
      await deleteRows(db, context, userCredentials, expired)
      return expired.length
    },
  },
} satisfies Pick<OperationTable, keyof UserOperations>
