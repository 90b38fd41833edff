import { sql } from 'kysely'
import { type Db, type OperationTable, chunks, countRows } from '../operation.ts'
import type { CertificateOperations, CertificateStatistics } from '../ports/certificates.ts'
import { type CertificateRow, certificateTypes, certificates } from '../tables/certificates.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { lockTenant } from './tenant-lock.ts'

/** Another of the user's certificates with the row's name, or any with its id. */
async function taken(db: Db, { id, userId, name }: CertificateRow): Promise<{ id: string } | undefined> {
  const byId = await db.selectFrom('certificates').select('id').where('id', '=', id).executeTakeFirst()
  const byName = db.selectFrom('certificates').select('id').where('user_id', '=', userId).where('name', '=', name)
  return byId ?? (await byName.executeTakeFirst())
}

export const certificateOperations = {
  insertCertificate: {
    mode: 'write',
    async run(db, { row, limit, audit }, context) {
      await lockTenant(db, context.dialect, row.userId)
      if ((await taken(db, row)) !== undefined) return 'exists'
      const count = await countRows(db.selectFrom('certificates').where('user_id', '=', row.userId))
      if (count >= limit) return 'limit'
      await db.insertInto('certificates').values(certificates.toColumns(row)).execute()
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'certificate', [row.userId], row.createdAt)
      return 'created'
    },
  },

  listCertificates: {
    mode: 'scan',
    async run(db, { userId }) {
      const rows = db.selectFrom('certificates').selectAll().where('user_id', '=', userId)
      return (await rows.orderBy('updated_at', 'desc').orderBy('id').execute()).map(certificates.fromColumns)
    },
  },

  updateCertificate: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      const { id, userId, name } = row
      await lockTenant(db, context.dialect, userId)
      const before = db.selectFrom('certificates').select('version').where('id', '=', id).where('user_id', '=', userId)
      const old = await before.executeTakeFirst()
      if (old === undefined) return 'missing'
      if (old.version !== row.version - 1) return 'conflict'
      const namesake = db
        .selectFrom('certificates')
        .select('id')
        .where('user_id', '=', userId)
        .where('name', '=', name)
        .where('id', '!=', id)
      if ((await namesake.executeTakeFirst()) !== undefined) return 'exists'
      await db.updateTable('certificates').set(certificates.toColumns(row)).where('id', '=', id).execute()
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'certificate', [userId], row.updatedAt)
      return 'updated'
    },
  },

  deleteCertificates: {
    mode: 'write',
    async run(db, { userId, ids, type, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = await db.selectFrom('certificates').select(certificateTypes.names).where('user_id', '=', userId).orderBy('id').execute()
      const wanted = rows
        .map(certificateTypes.fromColumns)
        .filter((row) => ids === null || ids.includes(row.id))
        .filter(({ types }) => type === null || types.includes(type))
        .map(({ id }) => id)
      if (wanted.length === 0) return []
      for (const chunk of chunks(wanted)) await db.deleteFrom('certificates').where('id', 'in', chunk).execute()
      await recordAudit(context, auditEach(audit, wanted))
      await recordChanges(db, context.dialect, 'certificate', [userId], at)
      return wanted
    },
  },

  certificateStatistics: {
    mode: 'scan',
    async run(db, { now, soon }) {
      const { rows } = await sql<CertificateStatistics>`
        select (select count(*) from certificates) as "certificates",
          (select count(*) from certificates where not_after < ${now}) as "expired",
          (select count(*) from certificates where not_after >= ${now} and not_after < ${soon}) as "expiringSoon",
          (select count(*) from crls) as "crls",
          (select count(*) from crls where next_update < ${now}) as "staleCrls"`.execute(db)
      return { ...rows[0]! }
    },
  },
} satisfies Pick<OperationTable, keyof CertificateOperations>
