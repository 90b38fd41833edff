// The rows of the store as the rest of the server sees them. Times are integers, milliseconds since 1970; null is absence; blobs are
// sealed by the caller. Both databases give exactly these shapes.

/** A domain key, wrapped under the root key `rootKeyId`. */
export interface DomainKeyRow {
  version: number
  rootKeyId: string
  wrapped: Uint8Array
  /** The key check value: shows a wrong root key before anything is decrypted with it. */
  checkValue: string
  createdAt: number
  /** Whether it may seal; a new one may not before every server has it. */
  active: boolean
}

/** A tenant: who signs requests with one of its API keys. */
export interface AppRow {
  id: string
  enabled: boolean
  /** Requests must carry the HMAC over method, action and raw body. */
  strictSignature: boolean
  /** Accept a signature whose base64 text was upper-cased. */
  acceptUpperCase: boolean
  createdAt: number
}

/** An API key, sealed under the domain key `domainVersion`. Several may be valid at once while they are rotated. */
export interface ApiKeyRow {
  id: string
  appId: string
  sealed: Uint8Array
  domainVersion: number
  createdAt: number
  expiresAt: number | null
}

/** A key without its material, as lists give it. */
export interface KeySummary {
  id: string
  appId: string
  spec: string
  origin: 'internal' | 'external'
  usage: 'encrypt' | 'sign' | null
  padding: string | null
  digest: string | null
  alias: string
  /** The app's hidden key, behind its secrets: never listed, counted, changed or deleted by an operation on the app's keys. */
  isDefault: boolean
  enabled: boolean
  createdAt: number
  expiresAt: number | null
  /** Set while the key is pending deletion. */
  deletedAt: number | null
  /** When a deleted key's row may be removed; null exactly when `deletedAt` is. */
  destroyAt: number | null
  /** The domain key that `material` is sealed under; without meaning while the key has no material. */
  domainVersion: number
  /** How often the key has encrypted, as far as it has been counted. */
  encryptions: number
}

/** A key with its sealed material; null while an external key waits for its import. */
export interface KeyRow extends KeySummary {
  material: Uint8Array | null
}

/** The one open import of an external key: the sealed wrapping key and the token that the import must show. */
export interface ImportSessionRow {
  keyId: string
  appId: string
  tokenId: string
  wrapping: Uint8Array
  domainVersion: number
  expiresAt: number
}

/** One entry of the audit trail. `detail` is JSON text or absent. */
export interface AuditRow {
  at: number
  actor: string
  action: string
  object: string
  result: string
  requestId: string
  detail?: string | null
}

/** An entry of the audit trail as it was stored. */
export interface StoredAuditRow extends Required<AuditRow> {
  seq: number
}

/** Says that something cached is out of date: an app, a key, a secret's data key, what the attestation authority keeps, or the domain keys. */
export interface ChangeRow {
  seq: number
  kind: 'app' | 'key' | 'secret' | 'user' | 'signing-key' | 'certificate' | 'policy' | 'baseline' | 'ak-certificate' | 'domain-keys'
  objectId: string
}

/** A right to enrol one app. */
export interface EnrollTokenRow {
  id: string
  /** SHA-256 of the token, which is not stored. */
  tokenHash: Uint8Array
  label: string
  createdAt: number
  expiresAt: number
}

/** An enrolment token as lists give it. */
export interface EnrollTokenSummary extends Omit<EnrollTokenRow, 'tokenHash'> {
  usedAt: number | null
  /** The app that was enrolled with it. */
  appId: string | null
}

/** A server that uses this store, and its count of heartbeats. */
export interface ServerRow {
  id: string
  beat: number
}

/** The stamp up to which an app's requests are refused after a start: [appId, stamp]. */
export type Fence = [appId: string, stamp: number]

/** An accepted request: [appId, stamp, fingerprint of 8 to 16 bytes]. */
export type ReplayRecord = [appId: string, stamp: number, fingerprint: Uint8Array]

/** How many keys there are, the apps' hidden ones left out. All but `total` and `pendingDeletion` overlap. */
export interface KeyStatistics {
  /** Keys that are not deleted. */
  total: number
  disabled: number
  pendingDeletion: number
  /** Not deleted, `expiresAt` at or before now. */
  expired: number
  /** Not deleted, `expiresAt` after now and at or before `soon`. */
  expiringSoon: number
}

/** A secret as lists give it. */
export interface SecretSummary {
  id: string
  /** Any UTF-16 text, kept exactly. */
  name: string
  description: string
  createdAt: number
  /** When it is destroyed; null unless it is scheduled for deletion. */
  destroyAt: number | null
}

/** A secret without its values. */
export interface SecretRow extends SecretSummary {
  appId: string
  /** The key (CMK) that wraps the data key; it may no longer exist. */
  keyId: string
  currentVersion: number
  /** How many data keys the secret has had; each rotation adds one. */
  keyGeneration: number
  /** The wrapped and sealed data key, and the domain key that seals it. */
  dataKey: Uint8Array
  domainVersion: number
  /** As it was given, such as `30d`. */
  rotationInterval: string
  /** Null exactly when `destroyAt` is. */
  deletedAt: number | null
  lastRotationAt: number | null
  nextRotationAt: number
  /** When the rotation is next tried: `nextRotationAt`, or later after a failure. */
  rotationDueAt: number
  /** The rotation under way or being retried. */
  rotationId: string | null
  /** Until when one server has this rotation to itself. */
  rotationLeaseUntil: number | null
  /** Tries of this rotation so far. */
  rotationAttempts: number
  /** The last failure, until a rotation succeeds. */
  rotationFailedAt: number | null
  rotationFailure: string | null
}

/** One sealed value of a secret. */
export interface SecretVersionRow {
  version: number
  createdAt: number
  sealed: Uint8Array
  domainVersion: number
}

export type SecretVersionSummary = Pick<SecretVersionRow, 'version' | 'createdAt'>

/** What is needed to open one value: the secret, and the version asked for unless there is no such. */
export interface SecretValueRow {
  secret: Pick<SecretRow, 'id' | 'appId' | 'name' | 'keyId' | 'keyGeneration' | 'dataKey' | 'domainVersion'>
  version: SecretVersionRow | null
}

/** Where an app's new values come from; the key that signs what is asked is sealed. */
export interface RotationWebhookRow {
  appId: string
  url: string
  signingKey: Uint8Array
  domainVersion: number
  createdAt: number
}

/** How many secrets there are. */
export interface SecretStatistics {
  /** Those scheduled for deletion included. */
  total: number
  pendingDeletion: number
  /** Not scheduled for deletion, and the last try of a rotation failed. */
  rotationFailing: number
}

/** Which enclave an app expects: hex digits as they were given. */
export interface QuotePolicyRow {
  id: string
  appId: string
  mrEnclave: string
  mrSigner: string
  createdAt: number
}

/** Collateral for quotes of one platform, as it was fetched. */
export interface CollateralRow {
  /** TEE, FMSPC and issuing CA. */
  platform: string
  parts: Uint8Array
  fetchedAt: number
  /** When the first part of it expires. */
  expiresAt: number
}

/** The keys and certificates of a simulated quoting enclave, sealed. */
export interface SimulatedPkiRow {
  id: string
  sealed: Uint8Array
  domainVersion: number
  createdAt: number
}
