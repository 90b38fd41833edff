import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { type Db, type Dialect, type OperationTable, chunks, compiledOnce, countRows } from '../operation.ts'
import type { SecretOperations } from '../ports/secrets.ts'
import { joined } from '../table.ts'
import type { AuditRow } from '../tables/trail-entries.ts'
import { secretVersion, secretVersionSummary, secretVersions } from '../tables/secret-versions.ts'
import { exactText, secretSummary, secrets } from '../tables/secrets.ts'
import { auditEach, recordAudit } from './record.ts'

const owner = joined(secrets.only('id', 'keyId', 'keyGeneration', 'dataKey', 'domainVersion'), 's')
const value = joined(secretVersion, 'v')

/** One statement, since a request waits for it: the version that is asked for, the current one for null. */
const valueByName = compiledOnce((db) =>
  db
    .selectFrom('secrets as s')
    .leftJoin('secret_versions as v', (join) =>
      join.onRef('v.secret_id', '=', 's.id').on(sql<SqlBool>`v.version = coalesce(cast(${null} as bigint), s.current_version)`),
    )
    .where('s.app_id', '=', '')
    .where('s.name', '=', '')
    .where('s.deleted_at', 'is', null)
    .select(owner.selection)
    .select(value.selection),
)

/** Why an update found no secret that isn't scheduled for deletion. */
export async function absence(db: Db, appId: string, name: string): Promise<'missing' | 'deleted'> {
  const row = await db.selectFrom('secrets').select('id').where('app_id', '=', appId).where('name', '=', exactText(name)).executeTakeFirst()
  return row === undefined ? 'missing' : 'deleted'
}

/** Removes the versions up to `pruneTo`, audited if there were any; returns how many. */
export async function prune(db: Db, secretId: string, pruneTo: number, audit: AuditRow | null): Promise<number> {
  if (pruneTo < 1) return 0
  const { numDeletedRows } = await db
    .deleteFrom('secret_versions')
    .where('secret_id', '=', secretId)
    .where('version', '<=', pruneTo)
    .executeTakeFirstOrThrow()
  if (numDeletedRows > 0n) await recordAudit(db, auditEach(audit, [secretId]))
  return Number(numDeletedRows)
}

/** What decides whether a secret may be written, locked until the transaction ends. */
export function lockSecret(db: Db, dialect: Dialect, secretId: string) {
  return db
    .selectFrom('secrets')
    .select(['current_version', 'key_generation', 'deleted_at', 'rotation_id'])
    .where('id', '=', secretId)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
}

/** The app's key, which can't be deleted until the transaction ends; false when it is deleted, or not the app's. */
async function lockKey(db: Db, dialect: Dialect, appId: string, keyId: string): Promise<boolean> {
  const key = await db
    .selectFrom('keys')
    .select('id')
    .where('id', '=', keyId)
    .where('app_id', '=', appId)
    .where('deleted_at', 'is', null)
    .$if(dialect === 'postgres', (query) => query.forKeyShare())
    .executeTakeFirst()
  return key !== undefined
}

export const secretOperations = {
  findDefaultKeyId: {
    mode: 'read',
    async run(db, { appId }) {
      const row = await db
        .selectFrom('keys')
        .select('id')
        .where('app_id', '=', appId)
        .where(sql<SqlBool>`is_default = 1`)
        .executeTakeFirst()
      return row?.id ?? null
    },
  },

  insertSecret: {
    mode: 'write',
    async run(db, { secret, version, limit, audit }, dialect) {
      // The key before the app, as its deletion locks them.
      const keyIsThere = await lockKey(db, dialect, secret.appId, secret.keyId)
      // One creation at a time in each app, so that the count below is exact and a name is taken once.
      await db
        .selectFrom('apps')
        .select('id')
        .where('id', '=', secret.appId)
        .$if(dialect === 'postgres', (query) => query.forNoKeyUpdate())
        .executeTakeFirstOrThrow()
      const columns = secrets.toColumns(secret)
      const namesake = await db
        .selectFrom('secrets')
        .select('id')
        .where('app_id', '=', columns.app_id)
        .where('name', '=', columns.name)
        .executeTakeFirst()
      if (namesake !== undefined) return 'exists'
      if (!keyIsThere) return 'key_missing'
      const count = await countRows(db.selectFrom('secrets').where('app_id', '=', secret.appId))
      if (count >= limit) return 'limit'
      await db.insertInto('secrets').values(columns).execute()
      await db
        .insertInto('secret_versions')
        .values(secretVersions.toColumns({ secretId: secret.id, ...version }))
        .execute()
      await recordAudit(db, auditEach(audit, [secret.id]))
      return 'created'
    },
  },

  findSecret: {
    mode: 'read',
    async run(db, { appId, name }) {
      const row = await db
        .selectFrom('secrets')
        .selectAll()
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .executeTakeFirst()
      return row === undefined ? null : secrets.fromColumns(row)
    },
  },

  findSecretValue: {
    mode: 'read',
    async run(db, { appId, name, version }, dialect) {
      const [row] = await valueByName(db, dialect, [version, appId, exactText(name)])
      if (row === undefined) return null
      const secret = owner.read(row)
      return secret === null ? null : { secret: { ...secret, appId, name }, version: value.read(row) }
    },
  },

  updateSecretDescription: {
    mode: 'write',
    async run(db, { appId, name, description, audit }) {
      const row = await db
        .updateTable('secrets')
        .set({ description: exactText(description) })
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .where('deleted_at', 'is', null)
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) return absence(db, appId, name)
      await recordAudit(db, auditEach(audit, [row.id]))
      return 'updated'
    },
  },

  putSecretVersion: {
    mode: 'write',
    async run(db, { secretId, keyGeneration, version, pruneTo, audit, pruneAudit }, dialect) {
      const secret = await lockSecret(db, dialect, secretId)
      if (secret === undefined || secret.deleted_at !== null) return 'conflict'
      if (secret.current_version !== version.version - 1 || secret.key_generation !== keyGeneration) return 'conflict'
      const current = await db
        .selectFrom('secret_versions')
        .select('version')
        .where('secret_id', '=', secretId)
        .where('version', '=', secret.current_version)
        .executeTakeFirst()
      if (current === undefined) return 'no_previous'
      await db.updateTable('secrets').set({ current_version: version.version }).where('id', '=', secretId).execute()
      await db
        .insertInto('secret_versions')
        .values(secretVersions.toColumns({ secretId, ...version }))
        .execute()
      await recordAudit(db, auditEach(audit, [secretId]))
      return { pruned: await prune(db, secretId, pruneTo, pruneAudit) }
    },
  },

  listSecrets: {
    mode: 'read',
    async run(db, { appId, after, limit }) {
      let query = db.selectFrom('secrets').select(secretSummary.names).where('app_id', '=', appId)
      if (after !== null) query = query.where(sql<SqlBool>`(created_at, id) > (${after.createdAt}, ${after.id})`)
      return (await query.orderBy('created_at').orderBy('id').limit(limit).execute()).map(secretSummary.fromColumns)
    },
  },

  listSecretVersions: {
    mode: 'read',
    async run(db, { appId, name, before, limit }) {
      let query = db
        .selectFrom('secrets as s')
        .innerJoin('secret_versions as v', 'v.secret_id', 's.id')
        .select(secretVersionSummary.names.map((name) => `v.${name}` as const))
        .where('s.app_id', '=', appId)
        .where('s.name', '=', exactText(name))
        .where('s.deleted_at', 'is', null)
      if (before !== null) query = query.where('v.version', '<', before)
      const rows = await query.orderBy('v.version', 'desc').limit(limit).execute()
      return rows.map(secretVersionSummary.fromColumns)
    },
  },

  countDependentSecrets: {
    mode: 'scan',
    async run(db, { keyIds }) {
      let secrets = 0
      let destroyAt: number | null = null
      for (const chunk of chunks(keyIds)) {
        const found = await db
          .selectFrom('secrets')
          .leftJoin('keys', 'keys.id', 'secrets.key_id')
          .where('secrets.key_id', 'in', chunk)
          .select(({ fn }) => [fn.countAll<number>().as('secrets'), fn.min('keys.destroy_at').as('destroyAt')])
          .executeTakeFirstOrThrow()
        secrets += found.secrets
        if (found.destroyAt !== null) destroyAt = Math.min(found.destroyAt, destroyAt ?? Infinity)
      }
      return { secrets, destroyAt }
    },
  },

  secretStatistics: {
    mode: 'scan',
    run(db) {
      return db
        .selectFrom('secrets')
        .select(({ fn }) => [
          fn.countAll<number>().as('total'),
          fn.countAll<number>().filterWhere('deleted_at', 'is not', null).as('pendingDeletion'),
          fn
            .countAll<number>()
            .filterWhere('deleted_at', 'is', null)
            .filterWhere('rotation_failed_at', 'is not', null)
            .as('rotationFailing'),
        ])
        .executeTakeFirstOrThrow()
        .then((row) => ({ ...row }))
    },
  },
} satisfies Pick<OperationTable, keyof SecretOperations>
