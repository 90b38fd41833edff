// Rows of the certificates and CRLs that users store. What rows.ts says of all rows holds here too.

/** A row's signature under the FSK, by which who can write to the store can't change it unnoticed. */
export interface RowSignatureColumns {
  signature: Uint8Array
  /** The FSK's version. */
  keyVersion: number
  /** Its signature was found to fail: such a row is shown, never used, and never signed again. */
  altered: boolean
}

export interface CertificateRow extends RowSignatureColumns {
  id: string
  /** The User-Id; it may have no row among the users. */
  userId: string
  /** One of a kind among the user's certificates. */
  name: string
  description: string | null
  /** What it may vouch for. */
  types: string[]
  isDefault: boolean | null
  /** PEM as it was given. */
  content: string
  /** The certificate's own end, for statistics. */
  notAfter: number
  /** Counts from 1 with each change. */
  version: number
  createdAt: number
  updatedAt: number
}

export interface CrlRow extends RowSignatureColumns {
  id: string
  userId: string
  /** One of a kind among the user's CRLs. */
  name: string
  /** PEM as it was given. */
  content: string
  nextUpdate: number | null
  version: number
  createdAt: number
  updatedAt: number
}

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
