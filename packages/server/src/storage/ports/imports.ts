import type { AuditRow } from '../tables/trail-entries.ts'
import type { ImportSessionRow } from '../tables/import-sessions.ts'

export interface ImportOperations {
  /**
   * Opens an import, replacing an earlier one of that key. `missing` unless the key is the app's own, external, neither deleted nor
   * default; `imported` when it has its material already.
   */
  putImportSession(args: { session: ImportSessionRow; audit: AuditRow | null }): Promise<'stored' | 'missing' | 'imported'>
  findImportSession(args: { keyId: string }): Promise<ImportSessionRow | null>
  /**
   * Stores the key's material and closes the import; of several at once, one wins. `missing` as above; `token` when the key's open
   * import has another token, has expired by `at`, or does not exist. Announced as a change.
   */
  completeImport(args: {
    appId: string
    keyId: string
    tokenId: string
    material: Uint8Array
    domainVersion: number
    at: number
    audit: AuditRow | null
  }): Promise<'imported' | 'missing' | 'token'>
  /** Removes the imports whose `expiresAt` is at or before `now`; returns how many. */
  deleteExpiredImportSessions(args: { now: number }): Promise<number>
}
