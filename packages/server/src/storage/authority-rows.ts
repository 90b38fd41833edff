// Rows of the attestation authority's tenants, signing keys and nonces. What rows.ts says of all rows holds here too.

/** What a credential allows: `attester` (challenge, attest, verify tokens), `auditor` (queries), `owner` (everything). */
export type UserRole = 'attester' | 'auditor' | 'owner'

/** One way in which a user is known: an API key, or a TLS client certificate, by its SHA-256 digest. */
export interface UserCredentialRow {
  id: string
  userId: string
  kind: 'api-key' | 'certificate'
  /** SHA-256 of the API key's text, or of the certificate's DER. */
  fingerprint: Uint8Array
  role: UserRole
  /** The one node that an attester may attest. */
  nodeId: string | null
  /** The id of the API key in whose place the user has put this one; it may be gone. */
  madeFrom: string | null
  /** For people. */
  label: string
  createdAt: number
  expiresAt: number | null
  /** Binds the row's fields to the domain key, so that who can write to the store can't make or change credentials. */
  seal: Uint8Array
  domainVersion: number
}

/** NSK signs nonces, FSK the rows of tenants' resources, TSK tokens. */
export type SigningKeyName = 'NSK' | 'FSK' | 'TSK'

/** One version of a signing key, PKCS#8 sealed under the domain key. Versions count from 1. */
export interface SigningKeyRow {
  name: SigningKeyName
  version: number
  /** Such as `rsa_3072` or `ec_p256`. */
  algorithm: string
  sealed: Uint8Array
  domainVersion: number
  createdAt: number
}

/** A nonce that was used: a digest over its user and value, kept until no clock of ours can accept it any more. */
export interface UsedNonceRow {
  digest: Uint8Array
  expiresAt: number
}
