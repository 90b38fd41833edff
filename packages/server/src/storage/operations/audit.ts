import type { OperationTable } from '../operation.ts'
import type { AuditOperations } from '../port.ts'
import { recordAudit } from './record.ts'

export const auditOperations = {
  appendAudit: {
    mode: 'write',
    run: (db, { rows }) => recordAudit(db, rows),
  },

  listAudit: {
    mode: 'read',
    async run(db, { after, limit }) {
      const rows = await db.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit).execute()
      return rows.map((row) => ({
        seq: row.seq,
        at: row.at,
        actor: row.actor,
        action: row.action,
        object: row.object,
        result: row.result,
        requestId: row.request_id,
        detail: row.detail,
      }))
    },
  },
} satisfies Pick<OperationTable, keyof AuditOperations>
