import { sql } from 'kysely'
import { APP_COUNT_LOCK } from '../advisory-locks.ts'
import { toFlag } from '../column.ts'
import { type OperationTable, compiledOnce, countRows } from '../operation.ts'
import type { ApiKeyOperations, AppOperations } from '../ports/apps.ts'
import { joined } from '../table.ts'
import { apiKeys } from '../tables/api-keys.ts'
import { appWithoutCount, apps } from '../tables/apps.ts'
import { keys } from '../tables/keys.ts'
import { useEnrollToken } from './enroll-tokens.ts'
import { recordAudit, recordChanges } from './record.ts'

const apiKeyOfApp = joined(apiKeys, 'api_keys')

const appWithApiKeys = compiledOnce((db) =>
  db
    .selectFrom('apps')
    .leftJoin('api_keys', 'api_keys.app_id', 'apps.id')
    .where('apps.id', '=', '')
    .orderBy('api_keys.created_at')
    .orderBy('api_keys.id')
    .select(appWithoutCount.names.map((name) => `apps.${name}` as const))
    .select(apiKeyOfApp.selection),
)

export const appOperations = {
  insertApp: {
    mode: 'write',
    async run(db, { app, apiKey, defaultKey, limit, tokenHash, audit }, dialect) {
      if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${APP_COUNT_LOCK})`.execute(db)
      const count = await countRows(db.selectFrom('apps'))
      if (count >= limit) return 'limit'
      const token = tokenHash === undefined ? undefined : await useEnrollToken(db, tokenHash, app.id, app.createdAt)
      if (tokenHash !== undefined && token === undefined) return 'token'
      await db
        .insertInto('apps')
        .values(apps.toColumns({ ...app, keyCount: 0 }))
        .execute()
      await db.insertInto('api_keys').values(apiKeys.toColumns(apiKey)).execute()
      await db.insertInto('keys').values(keys.toColumns(defaultKey)).execute()
      const detail = token === undefined ? {} : { detail: JSON.stringify({ enrollToken: token }) }
      await recordAudit(db, audit === null ? null : { ...audit, ...detail })
      return 'created'
    },
  },

  findApp: {
    mode: 'read',
    async run(db, { id }, dialect) {
      const rows = await appWithApiKeys(db, dialect, [id])
      const [first] = rows
      if (first === undefined) return null
      return { app: appWithoutCount.fromColumns(first), apiKeys: rows.flatMap((row) => apiKeyOfApp.read(row) ?? []) }
    },
  },

  updateApp: {
    mode: 'write',
    async run(db, { id, set, at, audit }, dialect) {
      const { numUpdatedRows } = await db
        .updateTable('apps')
        .where('id', '=', id)
        .set((eb) => ({
          enabled: set.enabled === undefined ? eb.ref('enabled') : toFlag(set.enabled),
          strict_signature: set.strictSignature === undefined ? eb.ref('strict_signature') : toFlag(set.strictSignature),
          accept_upper_case: set.acceptUpperCase === undefined ? eb.ref('accept_upper_case') : toFlag(set.acceptUpperCase),
        }))
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) return false
      await recordAudit(db, audit)
      await recordChanges(db, dialect, 'app', [id], at)
      return true
    },
  },

  listApps: {
    mode: 'read',
    async run(db, { after, limit }) {
      let query = db.selectFrom('apps').select(appWithoutCount.names).orderBy('id').limit(limit)
      if (after !== null) query = query.where('id', '>', after)
      return (await query.execute()).map(appWithoutCount.fromColumns)
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
      await db.insertInto('api_keys').values(apiKeys.toColumns(apiKey)).execute()
      await recordAudit(db, audit)
      await recordChanges(db, dialect, 'app', [apiKey.appId], at)
      return 'rotated'
    },
  },

  countApps: { mode: 'read', run: (db) => countRows(db.selectFrom('apps')) },
} satisfies Pick<OperationTable, keyof (AppOperations & ApiKeyOperations)>
