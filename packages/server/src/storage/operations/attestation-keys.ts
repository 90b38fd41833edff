import { type Db, type OperationTable, chunks, countRows } from '../operation.ts'
import type { AttestationKeyOperations } from '../ports/attestation-keys.ts'
import { akAuthorities } from '../tables/ak-authorities.ts'
import { akCertificates } from '../tables/ak-certificates.ts'
import { akEnrolments } from '../tables/ak-enrolments.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { lockTenant } from './tenant-lock.ts'

const CHANGE = 'ak-certificate'

/** The serial numbers of a user's certificates that are neither revoked nor ended, of one key or node. */
async function live(db: Db, userId: string, at: number, column: 'ek_digest' | 'node_id', value: string): Promise<string[]> {
  const rows = await db
    .selectFrom('ak_certificates')
    .select('serial_number')
    .where('user_id', '=', userId)
    .where(column, '=', value)
    .where('revoked_at', 'is', null)
    .where('not_after', '>=', at)
    .orderBy('serial_number')
    .execute()
  return rows.map(({ serial_number }) => serial_number)
}

async function revoke(db: Db, userId: string, serialNumbers: readonly string[], reason: string, at: number): Promise<void> {
  for (const chunk of chunks(serialNumbers)) {
    await db
      .updateTable('ak_certificates')
      .set({ revoked_at: at, reason })
      .where('user_id', '=', userId)
      .where('serial_number', 'in', chunk)
      .execute()
  }
}

export const attestationKeyOperations = {
  listAkAuthorities: {
    mode: 'read',
    async run(db, { userId }) {
      const rows = await db.selectFrom('ak_authorities').selectAll().where('user_id', '=', userId).orderBy('version').execute()
      return rows.map(akAuthorities.fromColumns)
    },
  },

  insertAkAuthority: {
    mode: 'write',
    async run(db, { row, audit }, dialect) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('ak_authorities')
        .values(akAuthorities.toColumns(row))
        .onConflict((conflict) => conflict.columns(['user_id', 'version']).doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 0n) return false
      await recordAudit(db, audit)
      await recordChanges(db, dialect, CHANGE, [row.userId], row.createdAt)
      return true
    },
  },

  insertAkEnrolment: {
    mode: 'write',
    async run(db, { row, limit, audit }, dialect) {
      const { userId, ekDigest, nodeId } = row
      await lockTenant(db, dialect, userId)
      const own = db.selectFrom('ak_enrolments').where('user_id', '=', userId)
      const taken = own.select('ek_digest').where((eb) => eb.or([eb('ek_digest', '=', ekDigest), eb('node_id', '=', nodeId)]))
      if ((await taken.executeTakeFirst()) !== undefined) return 'exists'
      const count = await countRows(own)
      if (count >= limit) return 'limit'
      await db.insertInto('ak_enrolments').values(akEnrolments.toColumns(row)).execute()
      await recordAudit(db, audit)
      return 'created'
    },
  },

  findAkEnrolment: {
    mode: 'read',
    async run(db, { userId, ekDigest }) {
      const query = db.selectFrom('ak_enrolments').selectAll().where('user_id', '=', userId).where('ek_digest', '=', ekDigest)
      const row = await query.executeTakeFirst()
      return row === undefined ? null : akEnrolments.fromColumns(row)
    },
  },

  listAkEnrolments: {
    mode: 'scan',
    async run(db, { userId, after, limit }) {
      let query = db.selectFrom('ak_enrolments').selectAll().where('user_id', '=', userId)
      if (after !== null) query = query.where('ek_digest', '>', after)
      return (await query.orderBy('ek_digest').limit(limit).execute()).map(akEnrolments.fromColumns)
    },
  },

  deleteAkEnrolment: {
    mode: 'write',
    async run(db, { userId, ekDigest, reason, at, audit }, dialect) {
      await lockTenant(db, dialect, userId)
      const { numDeletedRows } = await db
        .deleteFrom('ak_enrolments')
        .where('user_id', '=', userId)
        .where('ek_digest', '=', ekDigest)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      await revoke(db, userId, await live(db, userId, at, 'ek_digest', ekDigest), reason, at)
      await recordAudit(db, audit)
      await recordChanges(db, dialect, CHANGE, [userId], at)
      return true
    },
  },

  insertAkCertificate: {
    mode: 'write',
    async run(db, { row, enrolled, limit, audit }, dialect) {
      const { userId, ekDigest, nodeId, issuedAt } = row
      await lockTenant(db, dialect, userId)
      const enrolment = await db
        .selectFrom('ak_enrolments')
        .select('node_id')
        .where('user_id', '=', userId)
        .where('ek_digest', '=', ekDigest)
        .executeTakeFirst()
      if (enrolment?.node_id !== (enrolled ? nodeId : undefined)) return 'conflict'
      const count = await countRows(
        db
          .selectFrom('ak_certificates')
          .where('user_id', '=', userId)
          .where('ek_digest', '=', ekDigest)
          .where('not_after', '>=', issuedAt)
          .where('revoked_at', 'is', null),
      )
      if (count >= limit) return 'limit'
      await db.insertInto('ak_certificates').values(akCertificates.toColumns(row)).execute()
      await recordAudit(db, audit)
      return 'created'
    },
  },

  listAkCertificates: {
    mode: 'scan',
    async run(db, { userId, nodeId, after, limit }) {
      let query = db.selectFrom('ak_certificates').selectAll().where('user_id', '=', userId)
      if (nodeId !== null) query = query.where('node_id', '=', nodeId)
      if (after !== null) query = query.where('serial_number', '>', after)
      return (await query.orderBy('serial_number').limit(limit).execute()).map(akCertificates.fromColumns)
    },
  },

  listRevokedAkCertificates: {
    mode: 'scan',
    async run(db, { userId, now }) {
      const rows = await db
        .selectFrom('ak_certificates')
        .selectAll()
        .where('user_id', '=', userId)
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now)
        .orderBy('serial_number')
        .execute()
      return rows.map(akCertificates.fromColumns)
    },
  },

  revokeAkCertificates: {
    mode: 'write',
    async run(db, { userId, of, reason, at, audit }, dialect) {
      await lockTenant(db, dialect, userId)
      const wanted = 'nodeId' in of ? await live(db, userId, at, 'node_id', of.nodeId) : await unrevoked(db, userId, of.serialNumber)
      if (wanted.length === 0) return []
      await revoke(db, userId, wanted, reason, at)
      await recordAudit(db, auditEach(audit, wanted))
      await recordChanges(db, dialect, CHANGE, [userId], at)
      return wanted
    },
  },

  purgeAkCertificates: {
    mode: 'write',
    async run(db, { before, limit }) {
      const ended = db.selectFrom('ak_certificates').select(['user_id', 'serial_number']).where('not_after', '<', before)
      const rows = await ended.orderBy('not_after').limit(limit).execute()
      for (const { user_id, serial_number } of rows) {
        await db.deleteFrom('ak_certificates').where('user_id', '=', user_id).where('serial_number', '=', serial_number).execute()
      }
      return rows.length
    },
  },
} satisfies Pick<OperationTable, keyof AttestationKeyOperations>

async function unrevoked(db: Db, userId: string, serialNumber: string): Promise<string[]> {
  const query = db.selectFrom('ak_certificates').select('serial_number').where('user_id', '=', userId).where('revoked_at', 'is', null)
  return (await query.where('serial_number', '=', serialNumber).execute()).map((row) => row.serial_number)
}
