import { sql } from 'kysely'
import {
  type HeldRow,
  changeRows,
  deleteRows,
  findRow,
  holdRow,
  holdRows,
  insertRow,
  removeRows,
  verifiedPage,
  verifiedRow,
  verifiedRows,
} from '../authenticated-rows.ts'
import { type Db, type OperationContext, type OperationTable, countRows } from '../operation.ts'
import type { AttestationKeyOperations } from '../ports/attestation-keys.ts'
import { akAuthorities } from '../tables/ak-authorities.ts'
import { akCertificates } from '../tables/ak-certificates.ts'
import { akEnrolments } from '../tables/ak-enrolments.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { lockTenant } from './tenant-lock.ts'

const CHANGE = 'ak-certificate'

type HeldCertificate = HeldRow<typeof akCertificates>

/** A user's certificates that are neither revoked nor ended, of one key or node. */
async function holdLive(
  db: Db,
  context: OperationContext,
  userId: string,
  at: number,
  column: 'ek_digest' | 'node_id',
  value: string,
): Promise<HeldCertificate[]> {
  const query = db
    .selectFrom('ak_certificates')
    .selectAll()
    .where('user_id', '=', userId)
    .where(column, '=', value)
    .where('revoked_at', 'is', null)
    .where('not_after', '>=', at)
    .orderBy('serial_number')
    .$if(context.dialect === 'postgres', (query) => query.forNoKeyUpdate())
  return holdRows(context, akCertificates, query)
}

function enrolmentOf(db: Db, userId: string, ekDigest: string) {
  return db.selectFrom('ak_enrolments').selectAll().where('user_id', '=', userId).where('ek_digest', '=', ekDigest)
}

export const attestationKeyOperations = {
  listAkAuthorities: {
    mode: 'read',
    async run(db, { userId }, context) {
      const rows = await db.selectFrom('ak_authorities').selectAll().where('user_id', '=', userId).orderBy('version').execute()
      return rows.map((row) => verifiedRow(context, akAuthorities, row))
    },
  },

  insertAkAuthority: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      if (!(await insertRow(db, context, akAuthorities, row, ['userId', 'version']))) return false
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, CHANGE, [row.userId], row.createdAt)
      return true
    },
  },

  insertAkEnrolment: {
    mode: 'write',
    async run(db, { row, limit, audit }, context) {
      const { userId, ekDigest, nodeId } = row
      await lockTenant(db, context.dialect, userId)
      const own = db.selectFrom('ak_enrolments').where('user_id', '=', userId)
      const taken = own.select('ek_digest').where((eb) => eb.or([eb('ek_digest', '=', ekDigest), eb('node_id', '=', nodeId)]))
      if ((await taken.executeTakeFirst()) !== undefined) return 'exists'
      const count = await countRows(own)
      if (count >= limit) return 'limit'
      await insertRow(db, context, akEnrolments, row)
      await recordAudit(context, audit)
      return 'created'
    },
  },

  findAkEnrolment: {
    mode: 'read',
    async run(db, { userId, ekDigest }, context) {
      return (await findRow(context, akEnrolments, enrolmentOf(db, userId, ekDigest))) ?? null
    },
  },

  listAkEnrolments: {
    mode: 'scan',
    run(db, { userId, after, limit }, context) {
      return verifiedPage(context, akEnrolments, limit, (last, count) => {
        const following = last?.ek_digest ?? after
        const query = db.selectFrom('ak_enrolments').selectAll().where('user_id', '=', userId).orderBy('ek_digest').limit(count)
        return following === null ? query : query.where('ek_digest', '>', following)
      })
    },
  },

  deleteAkEnrolment: {
    mode: 'write',
    async run(db, { userId, ekDigest, reason, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const removed = await removeRows(db, context, akEnrolments, sql`user_id = ${userId} and ek_digest = ${ekDigest}`)
      if (removed.length === 0) return false
      const issued = await holdLive(db, context, userId, at, 'ek_digest', ekDigest)
      await changeRows(db, context, akCertificates, issued, { revokedAt: at, reason })
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, CHANGE, [userId], at)
      return true
    },
  },

  insertAkCertificate: {
    mode: 'write',
    async run(db, { row, enrolled, limit, audit }, context) {
      const { userId, ekDigest, nodeId, issuedAt } = row
      await lockTenant(db, context.dialect, userId)
      const enrolment = await findRow(context, akEnrolments, enrolmentOf(db, userId, ekDigest))
      if (enrolment?.nodeId !== (enrolled ? nodeId : undefined)) return 'conflict'
      const count = await countRows(
        db
          .selectFrom('ak_certificates')
          .where('user_id', '=', userId)
          .where('ek_digest', '=', ekDigest)
          .where('not_after', '>=', issuedAt)
          .where('revoked_at', 'is', null),
      )
      if (count >= limit) return 'limit'
      await insertRow(db, context, akCertificates, row)
      await recordAudit(context, audit)
      return 'created'
    },
  },

  findAkCertificate: {
    mode: 'read',
    async run(db, { userId, serialNumber }, context) {
      const query = db.selectFrom('ak_certificates').selectAll().where('user_id', '=', userId).where('serial_number', '=', serialNumber)
      return (await findRow(context, akCertificates, query)) ?? null
    },
  },

  listAkCertificates: {
    mode: 'scan',
    run(db, { userId, nodeId, after, limit }, context) {
      return verifiedPage(context, akCertificates, limit, (last, count) => {
        const following = last?.serial_number ?? after
        let query = db.selectFrom('ak_certificates').selectAll().where('user_id', '=', userId)
        if (nodeId !== null) query = query.where('node_id', '=', nodeId)
        if (following !== null) query = query.where('serial_number', '>', following)
        return query.orderBy('serial_number').limit(count)
      })
    },
  },

  listRevokedAkCertificates: {
    mode: 'scan',
    async run(db, { userId, now }, context) {
      const rows = await db
        .selectFrom('ak_certificates')
        .selectAll()
        .where('user_id', '=', userId)
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now)
        .orderBy('serial_number')
        .execute()
      return verifiedRows(context, akCertificates, rows)
    },
  },

  revokeAkCertificates: {
    mode: 'write',
    async run(db, { userId, of, reason, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const held =
        'nodeId' in of
          ? await holdLive(db, context, userId, at, 'node_id', of.nodeId)
          : await holdUnrevoked(db, context, userId, of.serialNumber)
      if (held.length === 0) return []
      await changeRows(db, context, akCertificates, held, { revokedAt: at, reason })
      const wanted = held.map(({ row }) => row.serialNumber)
      await recordAudit(context, auditEach(audit, wanted))
      await recordChanges(db, context.dialect, CHANGE, [userId], at)
      return wanted
    },
  },

  purgeAkCertificates: {
    mode: 'write',
    async run(db, { before, limit }, context) {
      const ended = db
        .selectFrom('ak_certificates')
        .selectAll()
        .where('not_after', '<', before)
        .orderBy('not_after')
        .limit(limit)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate().skipLocked())
      const held = await holdRows(context, akCertificates, ended)
      await deleteRows(db, context, akCertificates, held)
      return held.length
    },
  },
} satisfies Pick<OperationTable, keyof AttestationKeyOperations>

async function holdUnrevoked(db: Db, context: OperationContext, userId: string, serialNumber: string): Promise<HeldCertificate[]> {
  const query = db
    .selectFrom('ak_certificates')
    .selectAll()
    .where('user_id', '=', userId)
    .where('serial_number', '=', serialNumber)
    .$if(context.dialect === 'postgres', (query) => query.forNoKeyUpdate())
  const held = await holdRow(context, akCertificates, query)
  return held === undefined || held.row.revokedAt !== null ? [] : [held]
}
