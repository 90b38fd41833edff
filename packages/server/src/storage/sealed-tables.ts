// Where blobs lie that are sealed under a domain key. A new table with a `domain_version` gets a line here, an identity in
// operator/sealed-columns.ts, and a guard in its migration (migrations/domain-guard.ts); tests refuse a schema for which one is missing.
import { akAuthorityFromColumns, akEnrolmentFromColumns } from './attestation-key-columns.ts'
import type { AkAuthorityRow, AkEnrolmentRow } from './attestation-key-rows.ts'
import { signingKeyFromColumns, userCredentialFromColumns } from './authority-columns.ts'
import type { SigningKeyRow, UserCredentialRow } from './authority-rows.ts'
import { apiKeyFromColumns, bytes, importSessionFromColumns, keyFromColumns } from './columns.ts'
import type { ApiKeyRow, ImportSessionRow, KeyRow, RotationWebhookRow, SecretRow, SecretVersionRow, SimulatedPkiRow } from './rows.ts'
import type { Schema } from './schema.ts'
import { fromExactText, rotationWebhookFromColumns, secretFromColumns, secretVersionFromColumns } from './secret-columns.ts'

/** The row that each blob belongs to, as its room sees it. */
export interface SealedRows {
  api_keys: ApiKeyRow
  keys: KeyRow
  import_sessions: ImportSessionRow
  secrets: SecretRow
  secret_versions: SecretVersionRow & { secret: Pick<SecretRow, 'id' | 'appId' | 'name' | 'keyGeneration'> }
  rotation_webhooks: RotationWebhookRow
  user_credentials: UserCredentialRow
  signing_keys: SigningKeyRow
  ak_authorities: AkAuthorityRow
  ak_enrolments: AkEnrolmentRow
  simulated_pkis: SimulatedPkiRow
}
export type SealedTableName = keyof SealedRows

/** A blob with what is needed to open it and to find it again. */
export interface SealedItem<T extends SealedTableName = SealedTableName> {
  /** The values of the table's primary key. */
  key: (string | number)[]
  blob: Uint8Array
  domainVersion: number
  row: SealedRows[T]
}

/** Columns of the secret that a version belongs to. */
type OfSecret = Pick<Schema['secrets'], 'app_id' | 'name' | 'key_generation'>

interface SealedTable<T extends SealedTableName> {
  primaryKey: readonly (keyof Schema[T] & string)[]
  blob: keyof Schema[T] & string
  /** What the row needs of another table: `column` names that table's row by its id. */
  also?: { table: 'secrets'; column: keyof Schema[T] & string; columns: readonly (keyof OfSecret)[] }
  toRow(columns: Schema[T] & OfSecret): SealedRows[T]
}

export const SEALED_TABLES: { readonly [T in SealedTableName]: SealedTable<T> } = {
  api_keys: { primaryKey: ['id'], blob: 'sealed', toRow: apiKeyFromColumns },
  keys: { primaryKey: ['id'], blob: 'material', toRow: keyFromColumns },
  import_sessions: { primaryKey: ['key_id'], blob: 'wrapping', toRow: importSessionFromColumns },
  secrets: { primaryKey: ['id'], blob: 'data_key', toRow: secretFromColumns },
  secret_versions: {
    primaryKey: ['secret_id', 'version'],
    blob: 'sealed',
    also: { table: 'secrets', column: 'secret_id', columns: ['app_id', 'name', 'key_generation'] },
    toRow: (columns) => ({
      ...secretVersionFromColumns(columns),
      secret: {
        id: columns.secret_id,
        appId: columns.app_id,
        name: fromExactText(columns.name),
        keyGeneration: columns.key_generation,
      },
    }),
  },
  rotation_webhooks: { primaryKey: ['app_id'], blob: 'signing_key', toRow: rotationWebhookFromColumns },
  user_credentials: { primaryKey: ['id'], blob: 'seal', toRow: userCredentialFromColumns },
  signing_keys: { primaryKey: ['name', 'version'], blob: 'sealed', toRow: signingKeyFromColumns },
  ak_authorities: { primaryKey: ['user_id', 'version'], blob: 'sealed', toRow: akAuthorityFromColumns },
  ak_enrolments: { primaryKey: ['user_id', 'ek_digest'], blob: 'seal', toRow: akEnrolmentFromColumns },
  simulated_pkis: {
    primaryKey: ['id'],
    blob: 'sealed',
    toRow: (row) => ({ id: row.id, sealed: bytes(row.sealed), domainVersion: row.domain_version, createdAt: row.created_at }),
  },
}

export const SEALED_TABLE_NAMES = Object.keys(SEALED_TABLES) as SealedTableName[]
