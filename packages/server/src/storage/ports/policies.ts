// Changes are announced under the kind `policy` and the id of the user.
import type { AuditRow } from '../tables/trail-entries.ts'
import type { PolicyRow, PolicySummary } from '../tables/policies.ts'

export interface PolicyOperations {
  /** `exists`: the user has one with this id or name. `limit` bounds the user's policies, exactly, over all servers. */
  insertPolicy(args: { row: PolicyRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit' | 'exists'>
  /** All of a user's, the last changed first (then by policy id). */
  listPolicies(args: { userId: string }): Promise<PolicySummary[]>
  /** The same with their texts: those with one of the policy ids, or all. */
  readPolicies(args: { userId: string; policyIds: string[] | null }): Promise<PolicyRow[]>
  /**
   * Puts the row in the place of the one with its row id, if that has the version before. `missing` when there is none, `conflict` when it
   * has another version, `exists` when another of the user's has the name.
   */
  updatePolicy(args: { row: PolicyRow; audit: AuditRow | null }): Promise<'updated' | 'missing' | 'conflict' | 'exists'>
  /**
   * Removes those of the user's with one of these policy ids, those for the attester type, or, with neither, all; returns their policy ids in
   * ascending order. Each has its own audit row (`object` is its policy id).
   */
  deletePolicies(args: {
    userId: string
    policyIds: string[] | null
    attesterType: string | null
    at: number
    audit: AuditRow | null
  }): Promise<string[]>
  /** Rows signed by an older version and not marked as altered, by ascending row id, those after `after`. */
  outdatedPolicies(args: { keyVersion: number; after: string | null; limit: number }): Promise<PolicySummary[]>
}
