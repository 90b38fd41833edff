import { sql } from 'kysely'
import { USER_COUNT_LOCK } from '../advisory-locks.ts'
import { type Db, type Dialect, type OperationTable, compiledOnce, countRows } from '../operation.ts'
import type { UserOperations } from '../ports/users.ts'
import { userCredentials } from '../tables/user-credentials.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'

const byFingerprint = compiledOnce((db) => db.selectFrom('user_credentials').selectAll().where('fingerprint', '=', new Uint8Array()))

/** The user's row, locked to the end of the transaction on PostgreSQL, created if there is none. */
async function lockUser(db: Db, dialect: Dialect, id: string, at: number): Promise<void> {
  await db
    .insertInto('users')
    .values({ id, created_at: at })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  if (dialect === 'postgres') await db.selectFrom('users').select('id').where('id', '=', id).forUpdate().execute()
}

/** Credentials that were made from one of these, or are one of them. */
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
      await db.insertInto('users').values({ id: credential.userId, created_at: credential.createdAt }).execute()
      await db.insertInto('user_credentials').values(userCredentials.toColumns(credential)).execute()
      await recordAudit(context, audit)
      return 'created'
    },
  },

  insertUserCredential: {
    mode: 'write',
    async run(db, { credential, limit, replaces, audit }, context) {
      await lockUser(db, context.dialect, credential.userId, credential.createdAt)
      if (replaces !== null) {
        const replaced = db.selectFrom('user_credentials').select('id').where('id', '=', replaces.id)
        if ((await replaced.where('user_id', '=', credential.userId).executeTakeFirst()) === undefined) return 'missing'
      }
      const count = await countRows(db.selectFrom('user_credentials').where('user_id', '=', credential.userId))
      if (count >= limit) return 'limit'
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('user_credentials')
        .values(userCredentials.toColumns(credential))
        .onConflict((conflict) => conflict.column('fingerprint').doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 0n) return 'exists'
      if (replaces !== null) {
        await db
          .updateTable('user_credentials')
          .set({ expires_at: replaces.expiresAt, seal: replaces.seal, domain_version: replaces.domainVersion })
          .where('id', '=', replaces.id)
          .where(({ eb, or }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', replaces.expiresAt)]))
          .execute()
      }
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'user', [replaces?.id ?? credential.id], credential.createdAt)
      return 'created'
    },
  },

  findUserCredential: {
    mode: 'read',
    async run(db, { fingerprint }, { dialect }) {
      const [row] = await byFingerprint(db, dialect, [fingerprint])
      return row === undefined ? null : userCredentials.fromColumns(row)
    },
  },

  listUserCredentials: {
    mode: 'read',
    async run(db, { userId, after, limit }) {
      let query = db.selectFrom('user_credentials').selectAll().orderBy('id').limit(limit)
      if (userId !== null) query = query.where('user_id', '=', userId)
      if (after !== null) query = query.where('id', '>', after)
      return (await query.execute()).map(userCredentials.fromColumns)
    },
  },

  deleteUserCredential: {
    mode: 'write',
    async run(db, { id, at, audit }, context) {
      const { user_id: userId } = (await ofFamily(db, [id]).select('user_id').limit(1).executeTakeFirst()) ?? {}
      if (userId === undefined) return []
      // No key can be made from one of these meanwhile.
      await lockUser(db, context.dialect, userId, at)
      const family = new Set([id])
      for (let parents: string[] = [id]; parents.length > 0;) {
        const children = await ofFamily(db, parents).select('id').execute()
        parents = children.map((child) => child.id).filter((child) => !family.has(child))
        for (const child of parents) family.add(child)
      }
      const deleted = await db
        .deleteFrom('user_credentials')
        .where('id', 'in', [...family])
        .returning('id')
        .execute()
      const ids = deleted.map((row) => row.id).sort()
      await recordAudit(context, auditEach(audit, ids))
      await recordChanges(db, context.dialect, 'user', ids, at)
      return ids
    },
  },

  deleteExpiredUserCredentials: {
    mode: 'write',
    async run(db, { now }) {
      const { numDeletedRows } = await db.deleteFrom('user_credentials').where('expires_at', '<=', now).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, keyof UserOperations>
