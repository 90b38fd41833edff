// Changes are announced under the kind `baseline` and the id of the user.
import type { AuditRow } from '../tables/trail-entries.ts'
import type { BaselineContent } from '../tables/baseline-contents.ts'
import type { BaselineRow } from '../tables/baselines.ts'

export interface BaselineOperations {
  /**
   * `exists`: the user has one with this name. `limit` bounds the user's baselines, `maxDigestBytes` all their digest sets together, exactly,
   * over all servers.
   */
  insertBaseline(args: {
    row: BaselineRow
    content: BaselineContent
    limit: number
    maxDigestBytes: number
    audit: AuditRow | null
  }): Promise<'created' | 'limit' | 'exists' | 'too_large'>
  /** All of a user's, by ascending time of creation (then by id). */
  listBaselines(args: { userId: string }): Promise<BaselineRow[]>
  /** The JWT of a baseline, if it still has this version. */
  readBaselineContent(args: { id: string; version: number }): Promise<string | null>
  /** The digest set of a baseline, if it still has this version. */
  readBaselineDigests(args: { id: string; version: number }): Promise<Uint8Array | null>
  /** As updatePolicy; `content` null leaves the content as it is. */
  updateBaseline(args: {
    row: BaselineRow
    content: BaselineContent | null
    maxDigestBytes: number
    audit: AuditRow | null
  }): Promise<'updated' | 'missing' | 'conflict' | 'exists' | 'too_large'>
  /** As deletePolicies, by the baselines' own ids. */
  deleteBaselines(args: {
    userId: string
    ids: string[] | null
    attesterType: string | null
    at: number
    audit: AuditRow | null
  }): Promise<string[]>
  /** As outdatedPolicies. */
  outdatedBaselines(args: { keyVersion: number; after: string | null; limit: number }): Promise<BaselineRow[]>
}
