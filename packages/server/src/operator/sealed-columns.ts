import { AUTHORITY_COLUMN, ENROLMENT_COLUMN } from '../attestation/index.ts'
import { IMPORT_COLUMN, KEY_COLUMN } from '../keys/index.ts'
import { SIMULATED_PKI_COLUMN } from '../quotes/index.ts'
import type { SealedColumns } from '../envelope/index.ts'
import { DATA_KEY_COLUMN, VALUE_COLUMN, WEBHOOK_COLUMN } from '../secrets/index.ts'
import { SIGNING_KEY_COLUMN } from '../signing-keys/index.ts'
import { API_KEY_COLUMN, USER_COLUMN } from '../tenants/index.ts'

/** Every column that holds blobs under the domain key, and what opens them: a rotation of the domain key processes all of these. */
export const SEALED_COLUMNS: SealedColumns = {
  api_keys: API_KEY_COLUMN,
  keys: KEY_COLUMN,
  import_sessions: IMPORT_COLUMN,
  secrets: DATA_KEY_COLUMN,
  secret_versions: VALUE_COLUMN,
  rotation_webhooks: WEBHOOK_COLUMN,
  user_credentials: USER_COLUMN,
  signing_keys: SIGNING_KEY_COLUMN,
  ak_authorities: AUTHORITY_COLUMN,
  ak_enrolments: ENROLMENT_COLUMN,
  simulated_pkis: SIMULATED_PKI_COLUMN,
}
