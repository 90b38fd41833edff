import { sql } from 'kysely'
import { changeRow, holdRow, insertRow, markedRows, removeRowsBy } from '../authenticated-rows.ts'
import { type Db, type OperationTable, countRows } from '../operation.ts'
import type { CertificateOperations, CertificateStatistics } from '../ports/certificates.ts'
import { type CertificateRow, certificates } from '../tables/certificates.ts'
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
      await insertRow(db, context, certificates, row)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'certificate', [row.userId], row.createdAt)
      return 'created'
    },
  },

  listCertificates: {
    mode: 'scan',
    async run(db, { userId }, context) {
      const rows = db.selectFrom('certificates').selectAll().where('user_id', '=', userId)
      return markedRows(context, certificates, await rows.orderBy('updated_at', 'desc').orderBy('id').execute())
    },
  },

  updateCertificate: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      const { id, userId, name } = row
      await lockTenant(db, context.dialect, userId)
      const query = db
        .selectFrom('certificates')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const old = await holdRow(context, certificates, query)
      if (old === undefined) return 'missing'
      if (old.row.version !== row.version - 1) return 'conflict'
      const namesake = db
        .selectFrom('certificates')
        .select('id')
        .where('user_id', '=', userId)
        .where('name', '=', name)
        .where('id', '!=', id)
      if ((await namesake.executeTakeFirst()) !== undefined) return 'exists'
      await changeRow(db, context, certificates, old, row)
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'certificate', [userId], row.updatedAt)
      return 'updated'
    },
  },

  deleteCertificates: {
    mode: 'write',
    async run(db, { userId, ids, type, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = await db.selectFrom('certificates').selectAll().where('user_id', '=', userId).orderBy('id').execute()
      // Its owner deletes an altered one, too, and adds it again.
      const wanted = markedRows(context, certificates, rows)
        .filter((row) => ids === null || ids.includes(row.id))
        .filter(({ types }) => type === null || types.includes(type))
        .map(({ id }) => id)
      if (wanted.length === 0) return []
      await removeRowsBy(db, context, certificates, 'id', wanted)
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
