import { IMPORT_PLACE } from '../keys/key-import.ts'
import { KEY_PLACE } from '../keys/key-row.ts'
import type { SealedPlaces } from '../seal/domain-key-rotation.ts'
import { WEBHOOK_PLACE } from '../secrets/rotation-webhook.ts'
import { DATA_KEY_PLACE, VALUE_PLACE } from '../secrets/secret-record.ts'
import { API_KEY_PLACE } from '../tenants/apps.ts'

/** Every place where blobs lie under the domain key, and what opens them there: what a rotation of the domain key goes through. */
export const SEALED_PLACES: SealedPlaces = {
  api_keys: API_KEY_PLACE,
  keys: KEY_PLACE,
  import_sessions: IMPORT_PLACE,
  secrets: DATA_KEY_PLACE,
  secret_versions: VALUE_PLACE,
  rotation_webhooks: WEBHOOK_PLACE,
}
