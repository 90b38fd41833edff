import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { changeRow, findRow, holdRow, insertRow, removeRows, verifiedPage, verifiedRow } from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, chunks, compiledOnce, countRows } from '../operation.ts'
import type { SecretOperations } from '../ports/secrets.ts'
import { joinedStored } from '../table.ts'
import { keys } from '../tables/keys.ts'
import type { AuditRow } from '../tables/trail-entries.ts'
import { secretVersion, secretVersionSummary, secretVersions } from '../tables/secret-versions.ts'
import { exactText, secretSummary, secrets } from '../tables/secrets.ts'
import { auditEach, recordAudit } from './record.ts'

const owner = joinedStored(secrets, 's')
const ownerOfValue = secrets.only('id', 'appId', 'name', 'keyId', 'keyGeneration', 'dataKey', 'domainVersion')
const value = joinedStored(secretVersions, 'v')

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

/** Removes the versions up to `pruneTo`, altered or not, audited if there were any; returns how many. */
export async function prune(db: Db, context: OperationContext, secretId: string, pruneTo: number, audit: AuditRow | null): Promise<number> {
  if (pruneTo < 1) return 0
  const { length } = await removeRows(db, context, secretVersions, sql`secret_id = ${secretId} and version <= ${pruneTo}`)
  if (length > 0) await recordAudit(context, auditEach(audit, [secretId]))
  return length
}

/** What decides whether a secret may be written, locked until the transaction ends. */
export function holdSecret(db: Db, context: OperationContext, secretId: string) {
  const query = db
    .selectFrom('secrets')
    .selectAll()
    .where('id', '=', secretId)
    .$if(context.dialect === 'postgres', (query) => query.forUpdate())
  return holdRow(context, secrets, query)
}

/** The secret of that name, locked until the transaction ends. */
export function holdSecretNamed(db: Db, context: OperationContext, appId: string, name: string) {
  const query = db
    .selectFrom('secrets')
    .selectAll()
    .where('app_id', '=', appId)
    .where('name', '=', exactText(name))
    .$if(context.dialect === 'postgres', (query) => query.forUpdate())
  return holdRow(context, secrets, query)
}

/** The app's key, which can't be deleted until the transaction ends; false when it is deleted, or not the app's. */
async function lockKey(db: Db, context: OperationContext, appId: string, keyId: string): Promise<boolean> {
  const query = db
    .selectFrom('keys')
    .selectAll()
    .where('id', '=', keyId)
    .where('app_id', '=', appId)
    .where('deleted_at', 'is', null)
    .$if(context.dialect === 'postgres', (query) => query.forKeyShare())
  return (await findRow(context, keys, query)) !== undefined
}

export const secretOperations = {
  findDefaultKeyId: {
    mode: 'read',
    async run(db, { appId }, context) {
      const query = db
        .selectFrom('keys')
        .selectAll()
        .where('app_id', '=', appId)
        .where(sql<SqlBool>`is_default = 1`)
        .limit(1)
      return (await findRow(context, keys, query))?.id ?? null
    },
  },

  insertSecret: {
    mode: 'write',
    async run(db, { secret, version, limit, audit }, context) {
      // The key before the app, as its deletion locks them.
      const keyIsThere = await lockKey(db, context, secret.appId, secret.keyId)
      // One creation at a time in each app, so that the count below is exact and a name is taken once.
      await db
        .selectFrom('apps')
        .select('id')
        .where('id', '=', secret.appId)
        .$if(context.dialect === 'postgres', (query) => query.forNoKeyUpdate())
        .executeTakeFirstOrThrow()
      const namesake = await db
        .selectFrom('secrets')
        .select('id')
        .where('app_id', '=', secret.appId)
        .where('name', '=', exactText(secret.name))
        .executeTakeFirst()
      if (namesake !== undefined) return 'exists'
      if (!keyIsThere) return 'key_missing'
      const count = await countRows(db.selectFrom('secrets').where('app_id', '=', secret.appId))
      if (count >= limit) return 'limit'
      await insertRow(db, context, secrets, secret)
      await insertRow(db, context, secretVersions, { secretId: secret.id, ...version })
      await recordAudit(context, auditEach(audit, [secret.id]))
      return 'created'
    },
  },

  findSecret: {
    mode: 'read',
    async run(db, { appId, name }, context) {
      const query = db.selectFrom('secrets').selectAll().where('app_id', '=', appId).where('name', '=', exactText(name))
      return (await findRow(context, secrets, query)) ?? null
    },
  },

  findSecretValue: {
    mode: 'read',
    async run(db, { appId, name, version }, context) {
      const [row] = await valueByName(db, context.dialect, [version, appId, exactText(name)])
      const secret = row === undefined ? null : owner.read(row)
      if (secret === null) return null
      const stored = value.read(row!)
      return {
        secret: ownerOfValue.of(verifiedRow(context, secrets, secret)),
        version: stored === null ? null : secretVersion.of(verifiedRow(context, secretVersions, stored)),
      }
    },
  },

  updateSecretDescription: {
    mode: 'write',
    async run(db, { appId, name, description, audit }, context) {
      const held = await holdSecretNamed(db, context, appId, name)
      if (held === undefined) return 'missing'
      if (held.row.deletedAt !== null) return 'deleted'
      await changeRow(db, context, secrets, held, { description })
      await recordAudit(context, auditEach(audit, [held.row.id]))
      return 'updated'
    },
  },

  putSecretVersion: {
    mode: 'write',
    async run(db, { secretId, keyGeneration, version, pruneTo, audit, pruneAudit }, context) {
      const held = await holdSecret(db, context, secretId)
      if (held === undefined || held.row.deletedAt !== null) return 'conflict'
      if (held.row.currentVersion !== version.version - 1 || held.row.keyGeneration !== keyGeneration) return 'conflict'
      const current = await db
        .selectFrom('secret_versions')
        .select('version')
        .where('secret_id', '=', secretId)
        .where('version', '=', held.row.currentVersion)
        .executeTakeFirst()
      if (current === undefined) return 'no_previous'
      await changeRow(db, context, secrets, held, { currentVersion: version.version })
      await insertRow(db, context, secretVersions, { secretId, ...version })
      await recordAudit(context, auditEach(audit, [secretId]))
      return { pruned: await prune(db, context, secretId, pruneTo, pruneAudit) }
    },
  },

  listSecrets: {
    mode: 'read',
    async run(db, { appId, after, limit }, context) {
      const page = await verifiedPage(context, secrets, limit, (last, count) => {
        const following = last === null ? after : { createdAt: last.created_at, id: last.id }
        const query = db.selectFrom('secrets').selectAll().where('app_id', '=', appId).orderBy('created_at').orderBy('id').limit(count)
        return following === null ? query : query.where(sql<SqlBool>`(created_at, id) > (${following.createdAt}, ${following.id})`)
      })
      return page.map(secretSummary.of)
    },
  },

  listSecretVersions: {
    // With their values, which their MACs cover.
    mode: 'scan',
    async run(db, { appId, name, before, limit }, context) {
      const read = async (from: number | null, count: number) => {
        const query = db
          .selectFrom('secrets as s')
          .innerJoin('secret_versions as v', 'v.secret_id', 's.id')
          .select(value.selection)
          .select(owner.selection)
          .where('s.app_id', '=', appId)
          .where('s.name', '=', exactText(name))
          .where('s.deleted_at', 'is', null)
          .$if(from !== null, (versions) => versions.where('v.version', '<', from))
        const rows = await query.orderBy('v.version', 'desc').limit(count).execute()
        const secret = rows[0] === undefined ? null : owner.read(rows[0])
        if (secret !== null) verifiedRow(context, secrets, secret)
        return rows.map((row) => value.read(row)!)
      }
      const page = await verifiedPage(context, secretVersions, limit, (last, count) => ({
        execute: () => read(last?.version ?? before, count),
      }))
      return page.map(secretVersionSummary.of)
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
