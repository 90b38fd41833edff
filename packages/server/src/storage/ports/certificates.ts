// Changes are announced under the kind `certificate` and the id of the user.
import type { AuditRow } from '../tables/trail-entries.ts'
import type { CertificateRow } from '../tables/certificates.ts'
import type { CrlRow } from '../tables/crls.ts'

/** How many certificates and CRLs there are. */
export interface CertificateStatistics {
  certificates: number
  /** `notAfter` before now. */
  expired: number
  /** Not expired, `notAfter` before `soon`. */
  expiringSoon: number
  crls: number
  /** `nextUpdate` before now. */
  staleCrls: number
}

export interface CertificateOperations {
  /** `exists`: the id, or the user's name for it, is taken. `limit` bounds the user's certificates, exactly, over all servers. */
  insertCertificate(args: { row: CertificateRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit' | 'exists'>
  /** All of a user's, the last changed first (then by id). */
  listCertificates(args: { userId: string }): Promise<CertificateRow[]>
  /**
   * Puts the row in the place of the one with its id and user, if that has the version before. `missing` when there is none, `conflict`
   * when it has another version, `exists` when another of the user's has the name.
   */
  updateCertificate(args: { row: CertificateRow; audit: AuditRow | null }): Promise<'updated' | 'missing' | 'conflict' | 'exists'>
  /**
   * Removes those of the user's with one of these ids, those with the type, or, with neither, all; returns their ids in ascending order. Each
   * has its own audit row (`object` is its id).
   */
  deleteCertificates(args: {
    userId: string
    ids: string[] | null
    type: string | null
    at: number
    audit: AuditRow | null
  }): Promise<string[]>
  certificateStatistics(args: { now: number; soon: number }): Promise<CertificateStatistics>
}

export interface CrlOperations {
  /**
   * Stores a new CRL (version 1), or puts it in the place of the one with its id and the version before. `conflict` when the user's CRLs
   * changed so that this isn't possible; `limit` bounds the user's CRLs, exactly, over all servers.
   */
  putCrl(args: { row: CrlRow; limit: number; audit: AuditRow | null }): Promise<'stored' | 'limit' | 'conflict'>
  /** All of a user's, by name. */
  listCrls(args: { userId: string }): Promise<CrlRow[]>
  /** Removes those of the user's with one of these ids, or all; returns their ids in ascending order. Each has its own audit row. */
  deleteCrls(args: { userId: string; ids: string[] | null; at: number; audit: AuditRow | null }): Promise<string[]>
}
