import type { AuditRow, StoredAuditRow } from '../tables/audit.ts'

/** The filters of an audit query; absent ones match everything. Texts are whole values. */
export interface AuditFilter {
  actor?: string | undefined
  action?: string | undefined
  object?: string | undefined
  result?: string | undefined
  requestId?: string | undefined
  /** At or after. */
  since?: number | undefined
  /** Before. */
  until?: number | undefined
}

export interface AuditOperations {
  appendAudit(args: { rows: AuditRow[] }): Promise<void>
  /**
   * Audit rows by ascending `seq`, those after `after`. On PostgreSQL a transaction that commits late may show a row with a smaller
   * `seq` than one already seen: a reader that follows the trail must look back a few seconds.
   */
  listAudit(args: { after: number; limit: number }): Promise<StoredAuditRow[]>
}

export interface AuditQueryOperations {
  /** Audit rows that match, newest first. */
  queryAudit(args: { filter: AuditFilter; limit: number }): Promise<StoredAuditRow[]>
}
