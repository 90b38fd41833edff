import { integer, nullable, serial, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const audit = table(
  'audit',
  {
    seq: serial(),
    at: integer(),
    actor: text(),
    action: text(),
    object: text(),
    result: text(),
    requestId: text(),
    /** JSON text. */
    detail: nullable(text()),
  },
  {
    primaryKey: ['seq'],
    statements: ['create index audit_by_time on audit (at)'],
    authenticated: { by: 'nothing', because: 'not yet: the trail can be changed by someone with write access to the database' },
    backup: { held: true, selfFilled: true },
  },
)

export const auditEntry = audit.without('seq')

/** An entry of the audit trail as it was stored. */
export interface StoredAuditRow extends RowOf<typeof audit> {}
/** One entry of the audit trail. */
export interface AuditRow extends Omit<RowOf<typeof auditEntry>, 'detail'> {
  detail?: string | null
}
