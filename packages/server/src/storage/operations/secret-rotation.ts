import { type OperationTable, chunks } from '../operation.ts'
import type { SecretRotationOperations } from '../ports/secret-rotation.ts'
import { secretVersion, secretVersions } from '../tables/secret-versions.ts'
import { exactText, secrets } from '../tables/secrets.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { absence, lockSecret, prune } from './secrets.ts'

export const secretRotationOperations = {
  requestSecretRotation: {
    mode: 'write',
    async run(db, { appId, name, at, audit }) {
      const row = await db
        .updateTable('secrets')
        .set({ next_rotation_at: at, rotation_due_at: at })
        .where('app_id', '=', appId)
        .where('name', '=', exactText(name))
        .where('deleted_at', 'is', null)
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) return absence(db, appId, name)
      await recordAudit(db, auditEach(audit, [row.id]))
      return 'scheduled'
    },
  },

  claimSecretRotation: {
    mode: 'write',
    async run(db, { now, leaseUntil, rotationId, exceptApps }, dialect) {
      const due = await db
        .selectFrom('secrets')
        .select('id')
        .where('deleted_at', 'is', null)
        .where('rotation_due_at', '<=', now)
        .where((eb) =>
          eb.or([
            eb('rotation_lease_until', 'is', null),
            eb('rotation_lease_until', '<=', now),
            eb('rotation_lease_until', '>', leaseUntil),
          ]),
        )
        .where((eb) =>
          eb.exists(eb.selectFrom('apps').select('apps.id').whereRef('apps.id', '=', 'secrets.app_id').where('apps.enabled', '=', 1)),
        )
        .$if(exceptApps.length > 0, (query) => query.where('app_id', 'not in', exceptApps))
        .orderBy('rotation_due_at')
        .orderBy('id')
        .limit(1)
        .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked())
        .executeTakeFirst()
      if (due === undefined) return null
      const row = await db
        .updateTable('secrets')
        .set((eb) => ({
          rotation_id: eb.fn.coalesce('rotation_id', eb.val(rotationId)),
          rotation_lease_until: leaseUntil,
          rotation_attempts: eb('rotation_attempts', '+', 1),
        }))
        .where('id', '=', due.id)
        .returningAll()
        .executeTakeFirstOrThrow()
      return secrets.fromColumns(row)
    },
  },

  readSecretVersions: {
    mode: 'read',
    async run(db, { secretId, after, limit }) {
      const rows = await db
        .selectFrom('secret_versions')
        .selectAll()
        .where('secret_id', '=', secretId)
        .where('version', '>', after)
        .orderBy('version')
        .limit(limit)
        .execute()
      return rows.map(secretVersion.fromColumns)
    },
  },

  completeSecretRotation: {
    mode: 'write',
    async run(db, args, dialect) {
      const { secretId, rotationId, currentVersion, keyGeneration, versions, newVersion, pruneTo, at, audit } = args
      const secret = await lockSecret(db, dialect, secretId)
      if (secret === undefined || secret.deleted_at !== null || secret.rotation_id !== rotationId) return 'gone'
      if (secret.current_version !== currentVersion || secret.key_generation !== keyGeneration) return 'conflict'
      await prune(db, secretId, pruneTo, args.pruneAudit)
      const rows = [...versions, ...(newVersion === null ? [] : [newVersion])].map((version) =>
        secretVersions.toColumns({ secretId, ...version }),
      )
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('secret_versions')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.columns(['secret_id', 'version']).doUpdateSet((eb) => ({
              sealed: eb.ref('excluded.sealed'),
              domain_version: eb.ref('excluded.domain_version'),
            })),
          )
          .execute()
      }
      await db
        .updateTable('secrets')
        .set({
          current_version: newVersion?.version ?? currentVersion,
          key_generation: keyGeneration + 1,
          data_key: args.dataKey,
          domain_version: args.domainVersion,
          last_rotation_at: at,
          next_rotation_at: args.nextRotationAt,
          rotation_due_at: args.nextRotationAt,
          rotation_id: null,
          rotation_lease_until: null,
          rotation_attempts: 0,
          rotation_failed_at: null,
          rotation_failure: null,
        })
        .where('id', '=', secretId)
        .execute()
      await recordAudit(db, auditEach(audit, [secretId]))
      await recordChanges(db, dialect, 'secret', [secretId], at)
      return 'rotated'
    },
  },

  failSecretRotation: {
    mode: 'write',
    async run(db, { secretId, rotationId, at, failure, dueAt }) {
      const { numUpdatedRows } = await db
        .updateTable('secrets')
        .set({ rotation_failed_at: at, rotation_failure: failure, rotation_due_at: dueAt, rotation_lease_until: null })
        .where('id', '=', secretId)
        .where('rotation_id', '=', rotationId)
        .executeTakeFirstOrThrow()
      return numUpdatedRows === 1n
    },
  },
} satisfies Pick<OperationTable, keyof SecretRotationOperations>
