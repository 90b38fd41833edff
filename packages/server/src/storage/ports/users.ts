import type { AuditRow } from '../tables/trail-entries.ts'
import type { UsedNonceRow } from '../tables/used-nonces.ts'
import type { UserCredentialRow } from '../tables/user-credentials.ts'

export interface UserOperations {
  /** Stores a new user with a first credential; `limit` bounds the count of users, exactly, over all servers. */
  insertUser(args: { credential: UserCredentialRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /**
   * Adds a credential, and its user if there is none; `limit` bounds the user's credentials. `exists`: the fingerprint is known.
   * `replaces` sets when another credential of the same user ends, unless it ends sooner; `missing` when that one isn't there. Announced as
   * a change.
   */
  insertUserCredential(args: {
    credential: UserCredentialRow
    limit: number
    replaces: { id: string; expiresAt: number; seal: Uint8Array; domainVersion: number } | null
    audit: AuditRow | null
  }): Promise<'created' | 'limit' | 'exists' | 'missing'>
  /** Expired ones included. */
  findUserCredential(args: { fingerprint: Uint8Array }): Promise<UserCredentialRow | null>
  /** The credentials of one user, or of all, by ascending id, those after `after`. */
  listUserCredentials(args: { userId: string | null; after: string | null; limit: number }): Promise<UserCredentialRow[]>
  /**
   * Removes a credential, and all that were made from it, over any number of steps; returns their ids in ascending order. Each has its own audit
   * row. Announced as a change.
   */
  deleteUserCredential(args: { id: string; at: number; audit: AuditRow | null }): Promise<string[]>
  /** Removes the credentials whose `expiresAt` is at or before `now`; returns how many. */
  deleteExpiredUserCredentials(args: { now: number }): Promise<number>
}

export interface NonceOperations {
  /** Records used nonces; for each, in order, whether it was new. */
  insertUsedNonces(args: { rows: UsedNonceRow[] }): Promise<boolean[]>
  /** Removes at most `limit` rows whose `expiresAt` is at or before `now`; returns how many. */
  purgeUsedNonces(args: { now: number; limit: number }): Promise<number>
}
