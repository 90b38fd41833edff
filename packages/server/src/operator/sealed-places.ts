import { AUTHORITY_PLACE } from '../attestation/ak-certificates/authorities.ts'
import { ENROLMENT_PLACE } from '../attestation/ak-certificates/enrolments.ts'
import { IMPORT_PLACE } from '../keys/key-import.ts'
import { KEY_PLACE } from '../keys/key-row.ts'
import { SIMULATED_PKI_PLACE } from '../quotes/simulated-pki.ts'
import type { SealedPlaces } from '../seal/domain-key-rotation.ts'
import { WEBHOOK_PLACE } from '../secrets/rotation-webhook.ts'
import { DATA_KEY_PLACE, VALUE_PLACE } from '../secrets/secret-record.ts'
import { SIGNING_KEY_PLACE } from '../signing-keys/keyring.ts'
import { API_KEY_PLACE } from '../tenants/apps.ts'
import { USER_PLACE } from '../tenants/users.ts'

/** Every place where blobs lie under the domain key, and what opens them there: what a rotation of the domain key goes through. */
export const SEALED_PLACES: SealedPlaces = {
  api_keys: API_KEY_PLACE,
  keys: KEY_PLACE,
  import_sessions: IMPORT_PLACE,
  secrets: DATA_KEY_PLACE,
  secret_versions: VALUE_PLACE,
  rotation_webhooks: WEBHOOK_PLACE,
  user_credentials: USER_PLACE,
  signing_keys: SIGNING_KEY_PLACE,
  ak_authorities: AUTHORITY_PLACE,
  ak_enrolments: ENROLMENT_PLACE,
  simulated_pkis: SIMULATED_PKI_PLACE,
}
