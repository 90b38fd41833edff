// The part of the storage port that the attestation authority's foundation needs; what the port promises (port.ts) holds here too.
import type { SigningKeyName, SigningKeyRow, UsedNonceRow, UserCredentialRow } from './authority-rows.ts'
import type { AuditRow } from './rows.ts'

export interface UserOperations {
  /** Stores a new user with a first credential; `limit` bounds the count of users, exactly, over all servers. */
  insertUser(args: { credential: UserCredentialRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /**
   * Adds a credential, with its user where there is none; `limit` bounds the user's credentials. `exists`: the fingerprint is known.
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
   * Removes a credential, and all that were made from it, over any number of steps; gives their ids in ascending order. Each has its own audit
   * row. Announced as a change.
   */
  deleteUserCredential(args: { id: string; at: number; audit: AuditRow | null }): Promise<string[]>
  /** Removes the credentials whose `expiresAt` is at or before `now`; gives how many. */
  deleteExpiredUserCredentials(args: { now: number }): Promise<number>
}

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

export interface NonceOperations {
  /** Records used nonces; for each, in order, whether it was new. */
  insertUsedNonces(args: { rows: UsedNonceRow[] }): Promise<boolean[]>
  /** Removes at most `limit` rows whose `expiresAt` is at or before `now`; gives how many. */
  purgeUsedNonces(args: { now: number; limit: number }): Promise<number>
}

export interface AuthorityPort extends UserOperations, SigningKeyOperations, NonceOperations {}
