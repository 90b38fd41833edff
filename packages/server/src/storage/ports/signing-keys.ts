import type { AuditRow } from '../tables/trail-entries.ts'
import type { SigningKeyName, SigningKeyRow } from '../tables/signing-keys.ts'

export interface SigningKeyOperations {
  /** Every version, by name, then by ascending version. */
  listSigningKeys(): Promise<SigningKeyRow[]>
  /** False when that version exists already; it is left as it was. Announced as a change. */
  insertSigningKey(args: { row: SigningKeyRow; audit: AuditRow | null }): Promise<boolean>
  /**
   * Removes a version. `newest`: it has the highest number, which must not be given twice; `used`: it is an FSK under which rows are that aren't
   * marked as altered. Announced as a change.
   */
  retireSigningKey(args: {
    name: SigningKeyName
    version: number
    at: number
    audit: AuditRow | null
  }): Promise<'retired' | 'missing' | 'newest' | 'used'>
  /** The id of this installation: `candidate` if it has none yet. */
  instanceId(args: { candidate: string; at: number }): Promise<string>
}
