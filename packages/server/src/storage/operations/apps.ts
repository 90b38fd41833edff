import { sql } from 'kysely'
import { APP_COUNT_LOCK } from '../advisory-locks.ts'
import { apiKeyToColumns, appFromColumns, newAppToColumns, bytes, flag, keyToColumns } from '../columns.ts'
import { type OperationTable, compiledOnce } from '../operation.ts'
import type { AppOperations } from '../port.ts'
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
    async run(db, { app, apiKey, defaultKey, limit, audit }, dialect) {
      if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${APP_COUNT_LOCK})`.execute(db)
      const { count } = await db
        .selectFrom('apps')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      if (count >= limit) return 'limit'
      await db.insertInto('apps').values(newAppToColumns(app)).execute()
      await db.insertInto('api_keys').values(apiKeyToColumns(apiKey)).execute()
      await db.insertInto('keys').values(keyToColumns(defaultKey)).execute()
      await recordAudit(db, audit === null ? [] : [audit])
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
} satisfies Pick<OperationTable, keyof AppOperations>
