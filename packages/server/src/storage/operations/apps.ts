import { sql } from 'kysely'
import { APP_COUNT_LOCK } from '../advisory-locks.ts'
import {
  changeRow,
  changeRows,
  deleteRows,
  findRow,
  holdRow,
  holdRows,
  insertRow,
  verifiedRow,
  verifiedPage,
} from '../authenticated-rows.ts'
import { type Db, type Dialect, type OperationTable, compiledOnce, countRows } from '../operation.ts'
import type { ApiKeyOperations, AppOperations } from '../ports/apps.ts'
import { joinedStored } from '../table.ts'
import { type ApiKeyRow, apiKeys } from '../tables/api-keys.ts'
import { appWithoutCount, apps } from '../tables/apps.ts'
import { keys } from '../tables/keys.ts'
import { useEnrollToken } from './enroll-tokens.ts'
import { recordAudit, recordChanges } from './record.ts'

const app = joinedStored(apps, 'app')
const apiKeyOfApp = joinedStored(apiKeys, 'api_key')

const appWithApiKeys = compiledOnce((db) =>
  db
    .selectFrom('apps as app')
    .leftJoin('api_keys as api_key', 'api_key.app_id', 'app.id')
    .where('app.id', '=', '')
    .orderBy('api_key.created_at')
    .orderBy('api_key.id')
    .select(app.selection)
    .select(apiKeyOfApp.selection),
)

function appForUpdate(db: Db, dialect: Dialect, id: string) {
  return db
    .selectFrom('apps')
    .selectAll()
    .where('id', '=', id)
    .$if(dialect === 'postgres', (query) => query.forNoKeyUpdate())
}

export const appOperations = {
  insertApp: {
    mode: 'write',
    async run(db, { app, apiKey, defaultKey, limit, tokenHash, audit }, context) {
      if (context.dialect === 'postgres') await sql`select pg_advisory_xact_lock(${APP_COUNT_LOCK})`.execute(db)
      const count = await countRows(db.selectFrom('apps'))
      if (count >= limit) return 'limit'
      const token = tokenHash === undefined ? undefined : await useEnrollToken(db, context, tokenHash, app.id, app.createdAt)
      if (tokenHash !== undefined && token === undefined) return 'token'
      await insertRow(db, context, apps, { ...app, keyCount: 0 })
      await insertRow(db, context, apiKeys, apiKey)
      await insertRow(db, context, keys, defaultKey)
      const detail = token === undefined ? {} : { detail: JSON.stringify({ enrollToken: token }) }
      await recordAudit(context, audit === null ? null : { ...audit, ...detail })
      return 'created'
    },
  },

  findApp: {
    mode: 'read',
    async run(db, { id }, context) {
      const rows = await appWithApiKeys(db, context.dialect, [id])
      const found = rows[0] === undefined ? null : app.read(rows[0])
      if (found === null) return null
      return {
        app: appWithoutCount.of(verifiedRow(context, apps, found)),
        apiKeys: rows.flatMap((row) => apiKeyOfApp.read(row) ?? []).map((row) => verifiedRow(context, apiKeys, row)),
      }
    },
  },

  updateApp: {
    mode: 'write',
    async run(db, { id, set, at, audit }, context) {
      const held = await holdRow(context, apps, appForUpdate(db, context.dialect, id))
      if (held === undefined) return false
      await changeRow(db, context, apps, held, set)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'app', [id], at)
      return true
    },
  },

  listApps: {
    mode: 'read',
    async run(db, { after, limit }, context) {
      const page = await verifiedPage(context, apps, limit, (last, count) => {
        const following = last?.id ?? after
        const query = db.selectFrom('apps').selectAll().orderBy('id').limit(count)
        return following === null ? query : query.where('id', '>', following)
      })
      return page.map(appWithoutCount.of)
    },
  },

  rotateApiKey: {
    mode: 'write',
    async run(db, { apiKey, othersUntil, limit, at, audit }, context) {
      // The app's row orders those who rotate its key.
      const own = await findRow(context, apps, appForUpdate(db, context.dialect, apiKey.appId))
      if (own === undefined) return 'missing'
      const others = await holdRows(context, apiKeys, db.selectFrom('api_keys').selectAll().where('app_id', '=', apiKey.appId))
      const isKept = ({ expiresAt }: ApiKeyRow) => othersUntil > at && (expiresAt === null || expiresAt > at)
      const kept = others.filter(({ row }) => isKept(row))
      if (kept.length >= limit) return 'limit'
      await deleteRows(
        db,
        context,
        apiKeys,
        others.filter(({ row }) => !isKept(row)),
      )
      const shortened = kept.filter(({ row: { expiresAt } }) => expiresAt === null || expiresAt > othersUntil)
      await changeRows(db, context, apiKeys, shortened, { expiresAt: othersUntil })
      await insertRow(db, context, apiKeys, apiKey)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'app', [apiKey.appId], at)
      return 'rotated'
    },
  },

  countApps: { mode: 'read', run: (db) => countRows(db.selectFrom('apps')) },
} satisfies Pick<OperationTable, keyof (AppOperations & ApiKeyOperations)>
