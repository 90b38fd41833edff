// What writes leave behind in their own transaction: entries of the trail and changes.
import { sql } from 'kysely'
import { type Db, type Dialect, type OperationContext, chunks } from '../operation.ts'
import type { AuditRow } from '../tables/trail-entries.ts'
import type { ChangeKind } from '../tables/changes.ts'

/** The channel that PostgreSQL tells of changes on; it is the database's own. */
export const CHANGE_CHANNEL = 'vouchsafe'

/** Has the transaction record this when it ends, with the rows that it changed. */
export async function recordAudit(context: OperationContext, audit: AuditRow | null | readonly AuditRow[]): Promise<void> {
  if (audit !== null) context.records.push(...[audit].flat())
}

/** One record for each object, otherwise alike. */
export function auditEach(audit: AuditRow | null, objects: readonly string[]): AuditRow[] {
  return audit === null ? [] : objects.map((object) => ({ ...audit, object }))
}
/**
 * Records a change of each object. It must come last in its transaction: the counter's row stays locked from here to the commit, which
 * makes the order of the numbers the order of the commits.
 */
export async function recordChanges(db: Db, dialect: Dialect, kind: ChangeKind, objectIds: readonly string[], at: number): Promise<void> {
  const { value: newest } = await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', objectIds.length) }))
    .where('name', '=', 'changes')
    .returning('value')
    .executeTakeFirstOrThrow()
  const first = newest - objectIds.length + 1
  const rows = objectIds.map((id, index) => ({ seq: first + index, kind, object_id: id, at }))
  for (const chunk of chunks(rows)) await db.insertInto('changes').values(chunk).execute()
  if (dialect === 'postgres') await sql`select pg_notify(${CHANGE_CHANNEL}, '')`.execute(db)
}
