import type { AuditRow } from '../tables/trail-entries.ts'
import type { DomainKeyRow } from '../tables/domain-keys.ts'
import type { Fence } from '../tables/fences.ts'

/** A row of any table as it is stored. */
export type RawRow = Record<string, string | number | null | Uint8Array>

export interface RestoreOperations {
  /** Makes an empty store, or one whose restore was not finished, ready for a restore: until the restore ends, no one else may open it. */
  beginRestore(): Promise<'ready' | 'not_empty'>
  /** Whether a restore was begun and not finished. */
  isRestoring(): Promise<boolean>
  /** Stores rows of a backup as they are. Refused (`internal`) unless a restore was begun. */
  insertRestored(args: { table: string; rows: RawRow[] }): Promise<void>
  /** Ends a restore: the domain keys in place of any others, a fence for every app, and the audit's numbering. */
  finishRestore(args: { domainKeys: DomainKeyRow[]; fence: Fence[1]; at: number; audit: AuditRow }): Promise<void>
}
