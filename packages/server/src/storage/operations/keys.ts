import { sql } from 'kysely'
import type { SelectQueryBuilder, SqlBool } from 'kysely'
import { changeRow, holdRow, insertRow, verifiedPage, verifiedRow } from '../authenticated-rows.ts'
import { type Db, type Dialect, type OperationTable, chunks, compiledOnce } from '../operation.ts'
import type { KeyOperations, KeyPosition } from '../ports/keys.ts'
import { keySummary, keys } from '../tables/keys.ts'
import type { Schema } from '../tables/index.ts'
import { recordAudit, recordChanges } from './record.ts'

/** The keys that an app sees. Written out, not bound: SQLite uses the partial index only where it can see that the query implies it. */
export const LIVE = sql<SqlBool>`deleted_at is null and is_default = 0`

/** How many of an app's keys are pending deletion. */
const deletedCount = (appId: string) => sql<number>`(select count(*) from keys where app_id = ${appId} and deleted_at is not null)`

const keyById = compiledOnce((db) => db.selectFrom('keys').selectAll().where('id', '=', ''))
const keyOfApp = compiledOnce((db) => db.selectFrom('keys').selectAll().where('id', '=', '').where('app_id', '=', ''))

function inOrder<O>(
  query: SelectQueryBuilder<Schema, 'keys', O>,
  last: { created_at: number; id: string } | null,
  after: KeyPosition,
  limit: number,
) {
  const { createdAt, id } = (last && { createdAt: last.created_at, id: last.id }) ?? after ?? { createdAt: null, id: null }
  const page = query.orderBy('created_at').orderBy('id').limit(limit)
  return id === null ? page : page.where(sql<SqlBool>`(created_at, id) > (${createdAt}, ${id})`)
}

function liveKeyForUpdate(db: Db, dialect: Dialect, appId: string, id: string) {
  return db
    .selectFrom('keys')
    .selectAll()
    .where('id', '=', id)
    .where('app_id', '=', appId)
    .where(LIVE)
    .$if(dialect === 'postgres', (query) => query.forNoKeyUpdate())
}

export const keyOperations = {
  insertKey: {
    mode: 'write',
    async run(db, { key, limit, audit }, context) {
      const { numUpdatedRows } = await db
        .updateTable('apps')
        .set((eb) => ({ key_count: eb('key_count', '+', 1) }))
        .where('id', '=', key.appId)
        .where('key_count', '<', limit)
        .where((eb) => eb(deletedCount(key.appId), '<', 2 * limit))
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) {
        await db.selectFrom('apps').select('id').where('id', '=', key.appId).executeTakeFirstOrThrow()
        return 'limit'
      }
      await insertRow(db, context, keys, key)
      await recordAudit(context, audit)
      return 'created'
    },
  },

  findKey: {
    mode: 'read',
    async run(db, { id, appId }, context) {
      const { dialect } = context
      const [row] = await (appId === undefined ? keyById(db, dialect, [id]) : keyOfApp(db, dialect, [id, appId]))
      return row === undefined ? null : verifiedRow(context, keys, row)
    },
  },

  listKeys: {
    mode: 'read',
    async run(db, { appId, after, limit }, context) {
      const page = await verifiedPage(context, keys, limit, (last, count) => {
        const query = db.selectFrom('keys').selectAll().where('app_id', '=', appId).where(LIVE)
        return inOrder(query, last, after, count)
      })
      return page.map(keySummary.of)
    },
  },

  listDeletedKeys: {
    mode: 'read',
    async run(db, { appId, after, limit }, context) {
      const page = await verifiedPage(context, keys, limit, (last, count) => {
        const query = db.selectFrom('keys').selectAll().where('deleted_at', 'is not', null)
        return inOrder(appId === null ? query : query.where('app_id', '=', appId), last, after, count)
      })
      return page.map(keySummary.of)
    },
  },

  setKeyEnabled: {
    mode: 'write',
    async run(db, { appId, id, enabled, at, audit }, context) {
      const held = await holdRow(context, keys, liveKeyForUpdate(db, context.dialect, appId, id))
      if (held === undefined) return false
      await changeRow(db, context, keys, held, { enabled })
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'key', [id], at)
      return true
    },
  },

  updateKey: {
    mode: 'write',
    async run(db, { appId, id, set, at, audit }, context) {
      const held = await holdRow(context, keys, liveKeyForUpdate(db, context.dialect, appId, id))
      if (held === undefined) return false
      await changeRow(db, context, keys, held, set)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'key', [id], at)
      return true
    },
  },

  addEncryptions: {
    mode: 'write',
    async run(db, { counts }, { dialect }) {
      const sums = new Map<string, number>()
      for (const [id, n] of counts) sums.set(id, (sums.get(id) ?? 0) + n)
      for (const chunk of chunks([...sums])) {
        const ids = chunk.map(([id]) => id)
        // Servers that count the same keys lock them in the same order.
        if (dialect === 'postgres') {
          await db.selectFrom('keys').select('id').where('id', 'in', ids).orderBy('id').forNoKeyUpdate().execute()
        }
        const values = sql.join(chunk.map(([id, n]) => sql`(${id}, cast(${n} as bigint))`))
        await sql`
          with counts (id, n) as (values ${values})
          update keys set encryptions = encryptions + counts.n from counts where keys.id = counts.id`.execute(db)
      }
    },
  },

  keyStatistics: {
    mode: 'scan',
    run(db, { now, soon }) {
      return db
        .selectFrom('keys')
        .where(sql<SqlBool>`is_default = 0`)
        .select(({ fn }) => [
          fn.countAll<number>().filterWhere('deleted_at', 'is', null).as('total'),
          fn.countAll<number>().filterWhere('deleted_at', 'is', null).filterWhere('enabled', '=', 0).as('disabled'),
          fn.countAll<number>().filterWhere('deleted_at', 'is not', null).as('pendingDeletion'),
          fn.countAll<number>().filterWhere('deleted_at', 'is', null).filterWhere('expires_at', '<=', now).as('expired'),
          fn
            .countAll<number>()
            .filterWhere('deleted_at', 'is', null)
            .filterWhere('expires_at', '>', now)
            .filterWhere('expires_at', '<=', soon)
            .as('expiringSoon'),
        ])
        .executeTakeFirstOrThrow()
        .then((row) => ({ ...row }))
    },
  },
} satisfies Pick<OperationTable, Exclude<keyof KeyOperations, 'deleteKeys' | 'restoreKey' | 'destroyDueKeys'>>
