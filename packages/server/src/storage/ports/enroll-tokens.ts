import type { AuditRow } from '../tables/trail-entries.ts'
import type { EnrollTokenRow, EnrollTokenSummary } from '../tables/enroll-tokens.ts'

export interface EnrollTokenOperations {
  /** `limit` bounds the tokens that can still be used. */
  insertEnrollToken(args: { token: EnrollTokenRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /** Newest first, used and expired ones included; those before `before`. */
  listEnrollTokens(args: { before: { createdAt: number; id: string } | null; limit: number }): Promise<EnrollTokenSummary[]>
  /** Removes a token that was not used; false when there is no such token. */
  deleteEnrollToken(args: { id: string; audit: AuditRow | null }): Promise<boolean>
  /** Removes the tokens, used or not, that expired at or before this; returns how many. */
  deleteExpiredEnrollTokens(args: { before: number }): Promise<number>
}
