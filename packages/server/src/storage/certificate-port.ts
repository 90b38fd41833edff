// The part of the storage port that certificates and CRLs need; what the port promises (port.ts) holds here too. Changes are announced
// under the kind `certificate` and the id of the user.
import type { CertificateRow, CertificateStatistics, CrlRow, RowSignatureColumns } from './certificate-rows.ts'
import type { AuditRow } from './rows.ts'

type NewSignature = Pick<RowSignatureColumns, 'signature' | 'keyVersion'>

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
   * Removes those of the user's with one of these ids, those with the type, or, with neither, all; gives their ids in ascending order. Each
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
  /** Removes those of the user's with one of these ids, or all; gives their ids in ascending order. Each has its own audit row. */
  deleteCrls(args: { userId: string; ids: string[] | null; at: number; audit: AuditRow | null }): Promise<string[]>
}

/** Tables whose rows the FSK signs. */
export type SignedTable = 'certificates' | 'crls' | 'policies' | 'baselines'

export interface SignedRowOperations {
  /** Rows signed by an older version and not marked as altered, by ascending id, those after `after`. */
  outdatedCertificates(args: { keyVersion: number; after: string | null; limit: number }): Promise<CertificateRow[]>
  outdatedCrls(args: { keyVersion: number; after: string | null; limit: number }): Promise<CrlRow[]>
  /** Replaces a row's signature, unless it has another one than `signature` by now. */
  replaceRowSignature(args: { table: SignedTable; id: string; signature: Uint8Array; by: NewSignature }): Promise<void>
  /** Marks a row as altered, unless it has another signature by now. Announced as a change. */
  markRowAltered(args: { table: SignedTable; id: string; signature: Uint8Array; at: number }): Promise<void>
}

export interface CertificatePort extends CertificateOperations, CrlOperations, SignedRowOperations {}
