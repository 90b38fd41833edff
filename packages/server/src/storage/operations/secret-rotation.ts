import { changeEach, changeRow, holdEach, holdRows, insertRow, verifiedRow, verifiedRows } from '../authenticated-rows.ts'
import type { OperationTable } from '../operation.ts'
import type { SecretRotationOperations } from '../ports/secret-rotation.ts'
import { apps } from '../tables/apps.ts'
import { secretVersion, secretVersions } from '../tables/secret-versions.ts'
import { secrets } from '../tables/secrets.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { holdSecret, holdSecretNamed, prune } from './secrets.ts'

/** Secrets that are looked at for one to rotate: more than one, so that an altered row does not keep the others from it. */
const CANDIDATES = 20

export const secretRotationOperations = {
  requestSecretRotation: {
    mode: 'write',
    async run(db, { appId, name, at, audit }, context) {
      const held = await holdSecretNamed(db, context, appId, name)
      if (held === undefined) return 'missing'
      if (held.row.deletedAt !== null) return 'deleted'
      await changeRow(db, context, secrets, held, { nextRotationAt: at, rotationDueAt: at })
      await recordAudit(context, auditEach(audit, [held.row.id]))
      return 'scheduled'
    },
  },

  claimSecretRotation: {
    mode: 'write',
    async run(db, { now, leaseUntil, rotationId, exceptApps }, context) {
      const query = db
        .selectFrom('secrets')
        .selectAll()
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
        .limit(CANDIDATES)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      for (const held of await holdRows(context, secrets, query)) {
        const [app] = verifiedRows(context, apps, await db.selectFrom('apps').selectAll().where('id', '=', held.row.appId).execute())
        if (app?.enabled !== true) continue
        const { rotationId: underWay, rotationAttempts } = held.row
        const lease = {
          rotationId: underWay ?? rotationId,
          rotationLeaseUntil: leaseUntil,
          rotationAttempts: rotationAttempts + 1,
        }
        await db
          .updateTable('secrets')
          .set({
            rotation_id: lease.rotationId,
            rotation_lease_until: lease.rotationLeaseUntil,
            rotation_attempts: lease.rotationAttempts,
          })
          .where('id', '=', held.row.id)
          .execute()
        return { ...held.row, ...lease }
      }
      return null
    },
  },

  readSecretVersions: {
    mode: 'read',
    async run(db, { secretId, after, limit }, context) {
      const rows = await db
        .selectFrom('secret_versions')
        .selectAll()
        .where('secret_id', '=', secretId)
        .where('version', '>', after)
        .orderBy('version')
        .limit(limit)
        .execute()
      // Each is needed: one that was altered can't be passed over.
      return rows.map((row) => secretVersion.of(verifiedRow(context, secretVersions, row)))
    },
  },

  completeSecretRotation: {
    mode: 'write',
    async run(db, args, context) {
      const { secretId, rotationId, currentVersion, keyGeneration, versions, newVersion, pruneTo, at, audit } = args
      const held = await holdSecret(db, context, secretId)
      if (held === undefined || held.row.deletedAt !== null || held.row.rotationId !== rotationId) return 'gone'
      if (held.row.currentVersion !== currentVersion || held.row.keyGeneration !== keyGeneration) return 'conflict'
      await prune(db, context, secretId, pruneTo, args.pruneAudit)
      // Those who change them hold the secret, as this does.
      const stored = await holdEach(context, secretVersions, db.selectFrom('secret_versions').selectAll().where('secret_id', '=', secretId))
      const byVersion = new Map(stored.map((version) => [version.row.version, version]))
      const resealed = versions.map(({ version, sealed, domainVersion }) => {
        const former = byVersion.get(version)
        if (former === undefined) throw new Error('a version of the secret is gone')
        return { held: former, set: { sealed, domainVersion } }
      })
      await changeEach(db, context, secretVersions, resealed)
      if (newVersion !== null) await insertRow(db, context, secretVersions, { secretId, ...newVersion })
      await changeRow(db, context, secrets, held, {
        currentVersion: newVersion?.version ?? currentVersion,
        keyGeneration: keyGeneration + 1,
        dataKey: args.dataKey,
        domainVersion: args.domainVersion,
        lastRotationAt: at,
        nextRotationAt: args.nextRotationAt,
        rotationDueAt: args.nextRotationAt,
        rotationId: null,
        rotationLeaseUntil: null,
        rotationAttempts: 0,
        rotationFailedAt: null,
        rotationFailure: null,
      })
      await recordAudit(context, auditEach(audit, [secretId]))
      await recordChanges(db, context.dialect, 'secret', [secretId], at)
      return 'rotated'
    },
  },

  failSecretRotation: {
    mode: 'write',
    async run(db, { secretId, rotationId, at, failure, dueAt }, context) {
      const held = await holdSecret(db, context, secretId)
      if (held?.row.rotationId !== rotationId) return false
      await changeRow(db, context, secrets, held, {
        rotationFailedAt: at,
        rotationFailure: failure,
        rotationDueAt: dueAt,
        rotationLeaseUntil: null,
      })
      return true
    },
  },
} satisfies Pick<OperationTable, keyof SecretRotationOperations>
