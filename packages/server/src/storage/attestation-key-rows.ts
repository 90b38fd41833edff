// Rows of the certificates that the authority issues for attestation keys. What rows.ts says of all rows holds here too.

/** A CA of the authority for one user's attestation keys. It never changes. */
export interface AkAuthorityRow {
  userId: string
  /** Counts from 1; the newest issues. */
  version: number
  /** DER. */
  certificate: Uint8Array
  notAfter: number
  /** The private key, PKCS#8. */
  sealed: Uint8Array
  domainVersion: number
  createdAt: number
}

/** Which node an endorsement key is, as an owner says: one node has one key. */
export interface AkEnrolmentRow {
  userId: string
  /** SHA-256 of the endorsement key's SubjectPublicKeyInfo, lower-case hex. */
  ekDigest: string
  nodeId: string
  createdAt: number
  /** Nothing, sealed to the row's other columns: who can write to the database can't make an enrolment. */
  seal: Uint8Array
  domainVersion: number
}

export interface AkCertificateRow {
  userId: string
  /** Lower-case hex. */
  serialNumber: string
  nodeId: string
  ekDigest: string
  /** Of the CA. */
  authorityVersion: number
  issuedAt: number
  notAfter: number
  revokedAt: number | null
  /** A reason of RFC 5280 §5.3.1, where it was revoked with one. */
  reason: string | null
}
