// The tables as Kysely sees them: the same on both databases. Flags are 0 or 1, times milliseconds since 1970.
import type { Generated } from 'kysely'
import type { SigningKeyName, UserCredentialRow } from './authority-rows.ts'
import type { ChangeRow, KeyRow } from './rows.ts'

type Flag = 0 | 1

export interface DomainKeysTable {
  version: number
  root_key_id: string
  wrapped: Uint8Array
  check_value: string
  created_at: number
  active: Flag
}

export interface AppsTable {
  id: string
  enabled: Flag
  strict_signature: Flag
  accept_upper_case: Flag
  created_at: number
  /** The app's keys, deleted and default ones left out: counted here, so that a limit costs no look at the keys. */
  key_count: number
}

export interface ApiKeysTable {
  id: string
  app_id: string
  sealed: Uint8Array
  domain_version: number
  created_at: number
  expires_at: number | null
}

export interface KeysTable {
  id: string
  app_id: string
  spec: string
  origin: KeyRow['origin']
  usage: KeyRow['usage']
  padding: string | null
  digest: string | null
  alias: string
  is_default: Flag
  enabled: Flag
  created_at: number
  expires_at: number | null
  deleted_at: number | null
  destroy_at: number | null
  domain_version: number
  encryptions: number
  material: Uint8Array | null
}

export interface ImportSessionsTable {
  key_id: string
  app_id: string
  token_id: string
  wrapping: Uint8Array
  domain_version: number
  expires_at: number
}

export interface FencesTable {
  app_id: string
  stamp: number
}

export interface ReplayRecordsTable {
  app_id: string
  stamp: number
  fingerprint: Uint8Array
}

export interface ServersTable {
  id: string
  beat: number
  started_at: number
  domain_revision: Generated<number>
}

/**
 * `epoch`: how often the set of servers has changed; `changes`: the newest change's seq; `domain-keys`: how often the domain keys have
 * changed; `restoring`: 1 while a restore is not finished. A row's lock orders those who raise it.
 */
export interface CountersTable {
  name: 'epoch' | 'changes' | 'domain-keys' | 'restoring'
  value: number
}

export interface ChangesTable {
  seq: number
  kind: ChangeRow['kind']
  object_id: string
  at: number
}

export interface AuditTable {
  seq: Generated<number>
  at: number
  actor: string
  action: string
  object: string
  result: string
  request_id: string
  detail: string | null
}

export interface SecretsTable {
  id: string
  app_id: string
  /** Name and description as JSON: the databases keep only well-formed text without U+0000, callers may send more. */
  name: string
  description: string
  key_id: string
  created_at: number
  current_version: number
  key_generation: number
  data_key: Uint8Array
  domain_version: number
  rotation_interval: string
  deleted_at: number | null
  destroy_at: number | null
  last_rotation_at: number | null
  next_rotation_at: number
  rotation_due_at: number
  rotation_id: string | null
  rotation_lease_until: number | null
  rotation_attempts: number
  rotation_failed_at: number | null
  rotation_failure: string | null
}

export interface SecretVersionsTable {
  secret_id: string
  version: number
  created_at: number
  sealed: Uint8Array
  domain_version: number
}

export interface RotationWebhooksTable {
  app_id: string
  url: string
  signing_key: Uint8Array
  domain_version: number
  created_at: number
}

export interface EnrollTokensTable {
  id: string
  /** SHA-256 of the token, which is not stored. */
  token_hash: Uint8Array
  label: string
  created_at: number
  expires_at: number
  used_at: number | null
  /** The app that was enrolled with it. */
  app_id: string | null
}

export interface QuotePoliciesTable {
  id: string
  app_id: string
  mr_enclave: string
  mr_signer: string
  created_at: number
}

export interface CollateralTable {
  platform: string
  parts: Uint8Array
  fetched_at: number
  expires_at: number
}

export interface SimulatedPkisTable {
  id: string
  sealed: Uint8Array
  domain_version: number
  created_at: number
}

export interface UsersTable {
  id: string
  created_at: number
}

export interface UserCredentialsTable {
  id: string
  user_id: string
  kind: UserCredentialRow['kind']
  fingerprint: Uint8Array
  role: UserCredentialRow['role']
  node_id: string | null
  made_from: string | null
  label: string
  created_at: number
  expires_at: number | null
  seal: Uint8Array
  domain_version: number
}

export interface SigningKeysTable {
  name: SigningKeyName
  version: number
  algorithm: string
  sealed: Uint8Array
  domain_version: number
  created_at: number
}

export interface UsedNoncesTable {
  digest: Uint8Array
  expires_at: number
}

/** One row: which installation this is. */
export interface InstanceTable {
  singleton: 1
  id: string
  created_at: number
}

export interface CertificatesTable {
  id: string
  user_id: string
  name: string
  description: string | null
  /** JSON text of an array. */
  types: string
  is_default: Flag | null
  content: string
  not_after: number
  version: number
  created_at: number
  updated_at: number
  signature: Uint8Array
  key_version: number
  altered: Flag
}

export interface CrlsTable {
  id: string
  user_id: string
  name: string
  content: string
  next_update: number | null
  version: number
  created_at: number
  updated_at: number
  signature: Uint8Array
  key_version: number
  altered: Flag
}

export interface PoliciesTable {
  id: string
  user_id: string
  policy_id: string
  name: string
  description: string | null
  /** JSON text of an array. */
  attester_types: string
  is_jwt: Flag
  signer_id: string | null
  is_default: Flag
  content_hash: string
  version: number
  created_at: number
  updated_at: number
  signature: Uint8Array
  key_version: number
  altered: Flag
  content: string
}

export interface BaselinesTable {
  id: string
  user_id: string
  name: string
  description: string | null
  attester_type: string
  is_default: Flag
  signer_id: string
  content_hash: string
  content_length: number
  digests_hash: string
  digests_length: number
  value_count: number
  version: number
  created_at: number
  updated_at: number
  signature: Uint8Array
  key_version: number
  altered: Flag
}

export interface BaselineContentsTable {
  baseline_id: string
  digests: Uint8Array
  content: string
}

export interface AkAuthoritiesTable {
  user_id: string
  version: number
  certificate: Uint8Array
  not_after: number
  sealed: Uint8Array
  domain_version: number
  created_at: number
}

export interface AkEnrolmentsTable {
  user_id: string
  ek_digest: string
  node_id: string
  created_at: number
  seal: Uint8Array
  domain_version: number
}

export interface AkCertificatesTable {
  user_id: string
  serial_number: string
  node_id: string
  ek_digest: string
  authority_version: number
  issued_at: number
  not_after: number
  revoked_at: number | null
  reason: string | null
}

export interface SchemaMigrationsTable {
  version: number
  name: string
}

export interface Schema {
  domain_keys: DomainKeysTable
  apps: AppsTable
  api_keys: ApiKeysTable
  keys: KeysTable
  import_sessions: ImportSessionsTable
  fences: FencesTable
  replay_records: ReplayRecordsTable
  servers: ServersTable
  counters: CountersTable
  changes: ChangesTable
  audit: AuditTable
  secrets: SecretsTable
  secret_versions: SecretVersionsTable
  rotation_webhooks: RotationWebhooksTable
  quote_policies: QuotePoliciesTable
  collateral: CollateralTable
  simulated_pkis: SimulatedPkisTable
  users: UsersTable
  user_credentials: UserCredentialsTable
  signing_keys: SigningKeysTable
  used_nonces: UsedNoncesTable
  instance: InstanceTable
  certificates: CertificatesTable
  crls: CrlsTable
  policies: PoliciesTable
  baselines: BaselinesTable
  baseline_contents: BaselineContentsTable
  ak_authorities: AkAuthoritiesTable
  ak_enrolments: AkEnrolmentsTable
  ak_certificates: AkCertificatesTable
  enroll_tokens: EnrollTokensTable
  schema_migrations: SchemaMigrationsTable
}
