import type { OperationTable } from '../operation.ts'
import type { AuditOperations, AuditQueryOperations } from '../ports/audit.ts'
import { audit } from '../tables/audit.ts'
import { recordAudit } from './record.ts'

const FILTER_COLUMNS = [
  ['actor', 'actor'],
  ['action', 'action'],
  ['object', 'object'],
  ['result', 'result'],
  ['requestId', 'request_id'],
] as const

export const auditOperations = {
  appendAudit: {
    mode: 'write',
    run: (db, { rows }) => recordAudit(db, rows),
  },

  listAudit: {
    mode: 'read',
    async run(db, { after, limit }) {
      const rows = await db.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit).execute()
      return rows.map(audit.fromColumns)
    },
  },

  queryAudit: {
    mode: 'scan',
    async run(db, { filter, limit }) {
      let query = db.selectFrom('audit').selectAll().orderBy('at', 'desc').orderBy('seq', 'desc').limit(limit)
      for (const [name, column] of FILTER_COLUMNS) {
        const value = filter[name]
        if (value !== undefined) query = query.where(column, '=', value)
      }
      if (filter.since !== undefined) query = query.where('at', '>=', filter.since)
      if (filter.until !== undefined) query = query.where('at', '<', filter.until)
      return (await query.execute()).map(audit.fromColumns)
    },
  },
} satisfies Pick<OperationTable, keyof (AuditOperations & AuditQueryOperations)>
