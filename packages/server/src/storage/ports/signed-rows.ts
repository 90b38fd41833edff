import type { RowSignatureColumns } from '../row-signature.ts'
import type { CertificateRow } from '../tables/certificates.ts'
import type { CrlRow } from '../tables/crls.ts'

type NewSignature = Pick<RowSignatureColumns, 'signature' | 'keyVersion'>

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
