// What the attestation authority accepts and returns. Field names are those of the wire format; each time states its unit.

/** What a certificate may vouch for: baselines, policies, the evidence of an attester type, endorsement keys of TPMs. */
export type CertificateType = 'refvalue' | 'policy' | 'tpm_boot' | 'tpm_ima' | 'tpm_ek'

/** Which of the things of a kind to remove: at most 10 by their ids, those of a type, or all. */
export type Removal<T extends string = string> = { ids: readonly string[] } | { type: T } | { all: true }

/** The id and version of a resource after it was added or changed. */
export interface Stored {
  id: string
  name: string
  /** Counts from 1 with each change. */
  version: number
}

export interface NewCertificate {
  /** 1 to 255 characters, unique among the user's certificates. */
  name: string
  description?: string
  type: CertificateType | readonly CertificateType[]
  /** PEM of one certificate. */
  content: string
  is_default?: boolean
}

/** Omitted fields keep their values; the certificate itself never changes. */
export interface CertificateChange {
  name?: string
  description?: string
  type?: CertificateType | readonly CertificateType[]
  is_default?: boolean
}

export interface CertificateListEntry {
  cert_id: string
  cert_name: string
  version: number
}

export interface CertificateDescription extends CertificateListEntry {
  description?: string
  /** PEM. */
  content: string
  cert_type: CertificateType[]
  is_default?: boolean
  /** Milliseconds since 1970. */
  create_time: number
  update_time: number
  not_after: number
  /** 0: normal; 1: altered in the store; 2: revoked or expired. */
  valid_code: 0 | 1 | 2
  /** Why the status is not 0. */
  valid_reason?: string
  /** Seconds since 1970. */
  cert_revoked_date?: number
  /** The reason code (RFC 5280 §5.3.1). */
  cert_revoked_reason?: string
}

export interface RevocationList {
  crl_id: string
  crl_name: string
  /** PEM. */
  crl_content: string
  /** 0: normal; 1: altered in the store. */
  valid_code: 0 | 1
  /** Past its next update. */
  stale: boolean
}

export interface NewPolicy {
  /** At most 36 characters; a UUID unless given. */
  id?: string
  /** 1 to 255 characters, unique among the user's policies. */
  name: string
  description?: string
  attester_type: string | readonly string[]
  /** `jwt`: signed, with the Rego in base64 as its claim `policy`. */
  content_type: 'text' | 'jwt'
  /** Rego in base64, or the JWT. */
  content: string
  /** It applies if no policies are requested. */
  is_default?: boolean
}

/** Omitted fields keep their values. `content` requires `content_type`. */
export type PolicyChange = Partial<Omit<NewPolicy, 'id'>>

export interface PolicyListEntry {
  id: string
  name: string
  attester_type: string[]
  version: number
  /** Seconds since 1970. */
  update_time: number
}

export interface PolicyDescription extends PolicyListEntry {
  description?: string
  /** Rego. */
  content: string
  is_default: boolean
  /** 0: unaltered; 1: altered in the store; 2: the signer's certificate has expired or was revoked or removed. */
  valid_code: 0 | 1 | 2
  /** For a JWT: whether a certificate verified it. */
  signature: 'none' | 'unverified' | 'verified'
}

export interface NewBaseline {
  /** 1 to 255 characters, unique among the user's baselines. */
  name: string
  description?: string
  attester_type: string
  /** A JWT with the claim `referenceValues`, signed by one of the user's certificates of the type `refvalue`. */
  content: string
  is_default?: boolean
}

/** Omitted fields keep their values. */
export type BaselineChange = Partial<NewBaseline>

export interface BaselineListEntry {
  id: string
  name: string
  attester_type: string
}

export interface BaselineDescription extends BaselineListEntry {
  description?: string
  /** The JWT. */
  content: string
  is_default: boolean
  version: number
  /** Seconds since 1970. */
  create_time: number
  update_time: number
  /** 0: unaltered; 1: altered in the store; 2: the signer's certificate has expired or was revoked or removed. */
  valid_code: 0 | 1 | 2
  /** The number of values that it lists. */
  reference_values: number
}

/** A nonce that the authority has signed. */
export interface Nonce {
  /** When it was issued, seconds since 1970. */
  iat: number
  /** Base64 of 64 bytes. The quote contains the first 32. */
  value: string
  signature: string
}

export interface Evidence {
  attester_type: string
  /** In the form that the attester type defines. */
  evidence: unknown
  /** 1 to 10; without them, the user's default policies apply. */
  policy_ids?: readonly string[] | null
}

export interface Measurement {
  /** The host: the common name of its attestation key's certificate. */
  node_id: string
  /** For the nonce type `default`. */
  nonce?: Nonce | null
  /** Repeated in the token; no quote covers it. */
  attester_data?: unknown
  evidences: readonly Evidence[]
}

/** The response to an agent's evidence request can be sent unchanged. */
export interface AttestRequest {
  agent_version: string
  /** `default`: a nonce of the authority; `user`: one of your own; `ignore`: none, so replayed evidence passes too. */
  nonce_type?: 'default' | 'verifier' | 'user' | 'ignore' | null
  /** Base64, for the nonce type `user`. */
  user_nonce?: string | null
  measurements: readonly Measurement[]
  /** If true, tokens carry the named checks and the policies' reasons. */
  explanation?: boolean
}

export interface AttestResult {
  service_version: string
  /** One for each measurement that could be appraised. */
  tokens: { node_id: string; token: string }[]
  /** One for each other measurement, by its index in the request. */
  errors?: { index: number; node_id: string; message: string }[]
}

export interface TokenVerdict {
  verification_pass: boolean
  /** The token's claims, whether or not it passed; null if it cannot be read. */
  token_body: Record<string, unknown> | null
  token_header: Record<string, unknown> | null
  /** Which check failed. */
  message?: string
  checks: { name: string; passed: boolean; expected?: string; found?: string; note?: string }[]
}

/** A user of the attestation authority, and the key that names it. */
export interface Account {
  user: string
  apiKey: string
}

/** A request for a certificate of an attestation key. */
export interface AkChallengeRequest {
  /** PEM of the endorsement key's certificate; intermediates may follow. */
  ek_certificate: string
  /** TPMT_PUBLIC of the endorsement key, and of the attestation key. */
  ek_public: Uint8Array
  ak_public: Uint8Array
}

/** A credential that only the TPM with both keys can open (TPM2_ActivateCredential), within five minutes. */
export interface AkChallenge {
  challenge_id: string
  /** What the certificate will say. */
  node_id: string
  /** The contents of TPM2B_ID_OBJECT, and of TPM2B_ENCRYPTED_SECRET. */
  credential_blob: Uint8Array
  encrypted_secret: Uint8Array
}

export interface AkCertificate {
  node_id: string
  /** Hex. */
  serial_number: string
  /** Milliseconds since 1970. */
  not_after: number
  /** PEM. */
  certificate: string
  /** PEM of the user's CA. There is no need to store it: it is trusted for the user's evidence already. */
  authority: string
}

export interface AkCertificateListEntry extends Pick<AkCertificate, 'serial_number' | 'node_id' | 'not_after'> {
  ek_digest: string
  /** Milliseconds since 1970. */
  issued_at: number
  revoked_at?: number
  reason?: string
}

/** A CA that issues certificates of attestation keys. */
export interface AkAuthority {
  version: number
  /** PEM. */
  certificate: string
  crl: string
}

/** The node that an endorsement key belongs to. */
export interface AkEnrolment {
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  ek_digest: string
  node_id: string
  /** Milliseconds since 1970. */
  created_at: number
}
