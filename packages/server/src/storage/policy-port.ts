// The part of the storage port that policies and baselines need; what the port promises (port.ts) holds here too. Changes are announced under
// the kinds `policy` and `baseline`, and the id of the user.
import type { BaselineContent, BaselineRow, PolicyRow, PolicySummary } from './policy-rows.ts'
import type { AuditRow } from './rows.ts'

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
   * Removes those of the user's with one of these policy ids, those for the attester type, or, with neither, all; gives their policy ids in
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

export interface PolicyPort extends PolicyOperations, BaselineOperations {}
