import { sql } from 'kysely'
import { APP_COUNT_LOCK } from '../advisory-locks.ts'
import { apiKeyToColumns, appFromColumns, newAppToColumns, bytes, flag, keyToColumns } from '../columns.ts'
import { type OperationTable, compiledOnce } from '../operation.ts'
import type { ApiKeyOperations } from '../operator-port.ts'
import type { AppOperations } from '../port.ts'
import { useEnrollToken } from './enroll-tokens.ts'
import { recordAudit, recordChanges } from './record.ts'

const appWithApiKeys = compiledOnce((db) =>
  db
    .selectFrom('apps')
    .leftJoin('api_keys', 'api_keys.app_id', 'apps.id')
    .where('apps.id', '=', '')
    .orderBy('api_keys.created_at')
    .orderBy('api_keys.id')
    .select(['apps.id', 'apps.enabled', 'apps.strict_signature', 'apps.accept_upper_case', 'apps.created_at'])
    .select(['api_keys.id as key_id', 'api_keys.sealed', 'api_keys.domain_version', 'api_keys.expires_at'])
    .select('api_keys.created_at as key_created_at'),
)

export const appOperations = {
  insertApp: {
    mode: 'write',
    async run(db, { app, apiKey, defaultKey, limit, tokenHash, audit }, dialect) {
      if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${APP_COUNT_LOCK})`.execute(db)
      const { count } = await db
        .selectFrom('apps')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      if (count >= limit) return 'limit'
      const token = tokenHash === undefined ? undefined : await useEnrollToken(db, tokenHash, app.id, app.createdAt)
      if (tokenHash !== undefined && token === undefined) return 'token'
      await db.insertInto('apps').values(newAppToColumns(app)).execute()
      await db.insertInto('api_keys').values(apiKeyToColumns(apiKey)).execute()
      await db.insertInto('keys').values(keyToColumns(defaultKey)).execute()
      const detail = token === undefined ? {} : { detail: JSON.stringify({ enrollToken: token }) }
      await recordAudit(db, audit === null ? [] : [{ ...audit, ...detail }])
      return 'created'
    },
  },

  findApp: {
    mode: 'read',
    async run(db, { id }, dialect) {
      const rows = await appWithApiKeys(db, dialect, [id])
      const [first] = rows
      if (first === undefined) return null
      const apiKeys = rows.flatMap((row) =>
        row.key_id === null || row.sealed === null || row.domain_version === null || row.key_created_at === null
          ? []
          : {
              id: row.key_id,
              appId: id,
              sealed: bytes(row.sealed),
              domainVersion: row.domain_version,
              createdAt: row.key_created_at,
              expiresAt: row.expires_at,
            },
      )
      return { app: appFromColumns(first), apiKeys }
    },
  },

  updateApp: {
    mode: 'write',
    async run(db, { id, set, at, audit }, dialect) {
      const { numUpdatedRows } = await db
        .updateTable('apps')
        .where('id', '=', id)
        .set((eb) => ({
          enabled: set.enabled === undefined ? eb.ref('enabled') : flag(set.enabled),
          strict_signature: set.strictSignature === undefined ? eb.ref('strict_signature') : flag(set.strictSignature),
          accept_upper_case: set.acceptUpperCase === undefined ? eb.ref('accept_upper_case') : flag(set.acceptUpperCase),
        }))
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) return false
      await recordAudit(db, audit === null ? [] : [audit])
      await recordChanges(db, dialect, 'app', [id], at)
      return true
    },
  },

  listApps: {
    mode: 'read',
    async run(db, { after, limit }) {
      let query = db.selectFrom('apps').selectAll().orderBy('id').limit(limit)
      if (after !== null) query = query.where('id', '>', after)
      return (await query.execute()).map(appFromColumns)
    },
  },

  rotateApiKey: {
    mode: 'write',
    async run(db, { apiKey, othersUntil, limit, at, audit }, dialect) {
      // The app's row orders those who rotate its key.
      const app = await db
        .selectFrom('apps')
        .select('id')
        .where('id', '=', apiKey.appId)
        .$if(dialect === 'postgres', (query) => query.forUpdate())
        .executeTakeFirst()
      if (app === undefined) return 'missing'
      const others = await db.selectFrom('api_keys').select(['id', 'expires_at']).where('app_id', '=', apiKey.appId).execute()
      const kept = othersUntil <= at ? [] : others.filter((other) => other.expires_at === null || other.expires_at > at)
      if (kept.length >= limit) return 'limit'
      for (const { id, expires_at } of others) {
        const row = kept.some((other) => other.id === id)
        if (!row) await db.deleteFrom('api_keys').where('id', '=', id).execute()
        else if (expires_at === null || expires_at > othersUntil)
          await db.updateTable('api_keys').set({ expires_at: othersUntil }).where('id', '=', id).execute()
      }
      await db.insertInto('api_keys').values(apiKeyToColumns(apiKey)).execute()
      await recordAudit(db, audit === null ? [] : [audit])
      await recordChanges(db, dialect, 'app', [apiKey.appId], at)
      return 'rotated'
    },
  },

  countApps: {
    mode: 'read',
    async run(db) {
      const { count } = await db
        .selectFrom('apps')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return count
    },
  },
} satisfies Pick<OperationTable, keyof (AppOperations & ApiKeyOperations)>
