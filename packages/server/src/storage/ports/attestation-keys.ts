// Changes are announced under the kind `ak-certificate` and the id of the user.
import type { AkAuthorityRow } from '../tables/ak-authorities.ts'
import type { AkCertificateRow } from '../tables/ak-certificates.ts'
import type { AkEnrolmentRow } from '../tables/ak-enrolments.ts'
import type { AuditRow } from '../tables/trail-entries.ts'

export interface AttestationKeyOperations {
  /** By ascending version. */
  listAkAuthorities(args: { userId: string }): Promise<AkAuthorityRow[]>
  /** False when the user has that version already; it is left as it was. Announced as a change. */
  insertAkAuthority(args: { row: AkAuthorityRow; audit: AuditRow | null }): Promise<boolean>
  /** `exists`: the key or the node has an enrolment. `limit` bounds the user's enrolments, exactly, over all servers. */
  insertAkEnrolment(args: { row: AkEnrolmentRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit' | 'exists'>
  findAkEnrolment(args: { userId: string; ekDigest: string }): Promise<AkEnrolmentRow | null>
  /** By ascending digest, those after `after`. */
  listAkEnrolments(args: { userId: string; after: string | null; limit: number }): Promise<AkEnrolmentRow[]>
  /** Removes an enrolment and revokes what was issued for its key. False when there is none. Announced as a change. */
  deleteAkEnrolment(args: { userId: string; ekDigest: string; reason: string; at: number; audit: AuditRow | null }): Promise<boolean>
  /**
   * Records an issued certificate. `conflict` when the key's enrolment isn't what the caller took it for: `enrolled` says whether there is one,
   * whose node is the row's. `limit` bounds the key's certificates that have neither ended at `issuedAt` nor been revoked.
   */
  insertAkCertificate(args: {
    row: AkCertificateRow
    enrolled: boolean
    limit: number
    audit: AuditRow | null
  }): Promise<'created' | 'limit' | 'conflict'>
  findAkCertificate(args: { userId: string; serialNumber: string }): Promise<AkCertificateRow | null>
  /** Of one node or of all, by ascending serial number, those after `after`. */
  listAkCertificates(args: { userId: string; nodeId: string | null; after: string | null; limit: number }): Promise<AkCertificateRow[]>
  /** Those that were revoked and have not ended before `now`, by serial number. */
  listRevokedAkCertificates(args: { userId: string; now: number }): Promise<AkCertificateRow[]>
  /**
   * Revokes the certificate with the serial number, or all of the node's; returns the serial numbers of those that were not revoked before, in
   * ascending order. Each has its own audit row (`object` is its serial number). Announced as a change.
   */
  revokeAkCertificates(args: {
    userId: string
    of: { serialNumber: string } | { nodeId: string }
    reason: string
    at: number
    audit: AuditRow | null
  }): Promise<string[]>
  /** Removes at most `limit` certificates that ended before `before`; returns how many. */
  purgeAkCertificates(args: { before: number; limit: number }): Promise<number>
}
