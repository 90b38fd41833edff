/** What the envelope says of every error: the numbers and sentences of version 0.1, word for word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorEnvelope } from '../../src/ehsm/envelope.ts'
import { EHSM_REFUSAL_CODES, EhsmRefusal, type EhsmRefusalCode } from '../../src/ehsm/refusals.ts'
import { keptSentence, SENTENCES, SENTENCES_BY_ACTION } from '../../src/ehsm/sentences.ts'
import { ERROR_CODES, ServiceError, type ErrorCode, type ErrorFacts } from '../../src/foundation/errors.ts'
import { StorageError } from '../../src/storage/index.ts'

/** Codes that only this edge raises. */
const REFUSALS: Readonly<Record<EhsmRefusalCode, string>> = {
  invalid_json: '400 Invalid JSON',
  body_too_large: '400 The request body is too large.',
  missing_parameters: '400 Missing required parameters',
  parameter_type: '400 param type error',
  nonce_length: '400 Nonce length error',
  timestamp_length: '400 Timestamp length error',
  timestamp_window: '400 Timestamp error',
  sign_error: '400 sign error',
  strict_signature: '400 sign error, this app requires the X-Vouchsafe-Signature header.',
  unknown_action: '404 API Not Found',
  enroll_forwarded: '400 enroll user info failed, open enrolment takes direct loopback requests only.',
  enroll_token_missing: '400 enroll user info failed, enrolment here needs a token (Authorization: Bearer), which operators make.',
  force_delete: '400 The forceDelete must be true or false',
}

interface Said {
  says: string
  /** The code of version 0.1 that this was, where it had another name. */
  was?: string
  action?: string
  facts?: ErrorFacts
  message?: string
}

/** Everything that a domain's error makes this API say; codes that are not here are those of attestation, which it never meets. */
const ANSWERS: Partial<Record<ErrorCode, Said[]>> = {
  invalid: [
    {
      says: '400 Parameter invalid, The keyusage and purpose must agree.',
      message: 'Parameter invalid, The keyusage and purpose must agree.',
    },
    {
      says: '400 Parameter invalid, The padding_mode must be PKCS1, PSS or OAEP for an RSA key.',
      was: 'invalid_parameter',
      facts: { field: 'padding', problem: 'must be PKCS1, PSS or OAEP for an RSA key' },
    },
    {
      says: '400 Parameter invalid, The encryptionKeyId must be the id of a symmetric encryption key (AES-GCM or SM4).',
      facts: { field: 'keyId', problem: 'must be the id of a symmetric encryption key (AES-GCM or SM4)' },
    },
    { says: '400 Parameter invalid, The url is not an address.', facts: { field: 'url', problem: 'is not an address' } },
  ],
  app_disabled: [{ says: '400 app is disabled' }],
  replayed: [{ says: "400 Timestamp can't be repeated in 20 minutes", was: 'timestamp_repeated' }],
  stamp_fenced: [
    { says: '400 Timestamp error, the server restarted or its replay memory is full; send a newer timestamp.', was: 'timestamp_fenced' },
  ],
  enroll_closed: [{ says: '400 enroll user info failed, enrolment is closed on this listener.', was: 'enroll_closed' }],
  enroll_token: [{ says: '400 enroll user info failed, the enrolment token is unknown, used or expired.', was: 'enroll_token' }],
  enroll_limit: [{ says: '400 enroll user info failed, no more apps can be enrolled here.', was: 'enroll_limit' }],
  key_not_found: [
    { says: '400 keyid error', was: 'key_missing' },
    { says: '400 keyid error', action: 'DescribeKey', was: 'key_missing' },
    { says: '400 keyid error', action: 'UpdateKey', was: 'key_missing' },
    { says: '400 not find this keyid', action: 'EnableKey' },
    { says: '400 not find this keyid', action: 'DisableKey' },
  ],
  key_disabled: [{ says: '400 keyid is disabled' }],
  key_expired: [{ says: '400 keyid expire' }],
  key_pending_import: [{ says: '400 keyid has no key material yet, import it first.' }],
  key_usage: [
    { says: '400 The key does not allow this operation.' },
    {
      says: '400 The key is an EH_EC_P256 key: Encrypt needs a symmetric encryption key (AES-GCM or SM4).',
      facts: { spec: 'ec-p256', operation: 'Encrypt', needs: 'a symmetric encryption key (AES-GCM or SM4)' },
    },
    {
      says: '400 The key is an EH_EC_P256K key: ExportDataKey (ukeyid) needs an RSA or SM2 key.',
      facts: { spec: 'ec-secp256k1', operation: 'ReceiveDataKey', needs: 'an RSA or SM2 key' },
    },
    {
      says: '400 The key was created only to sign and verify: AsymmetricEncrypt is not allowed.',
      facts: { usage: 'sign', operation: 'AsymmetricEncrypt' },
    },
  ],
  key_not_importable: [{ says: '400 The key was not created with EH_EXTERNAL_KEY: nothing can be imported to it.', was: 'key_usage' }],
  key_imported: [{ says: '400 The key has its material already; an import is final.', was: 'key_usage' }],
  key_origin: [
    {
      says: '400 EH_EXTERNAL_KEY is for AES, SM4 and HMAC keys; EH_RSA_2048 keys are generated here (EH_INTERNAL_KEY).',
      was: 'invalid_parameter',
      facts: { spec: 'rsa-2048' },
    },
  ],
  key_spec_usage: [
    {
      says: '400 An EH_AES_GCM_256 key can only be used to encrypt and decrypt.',
      was: 'invalid_parameter',
      facts: { spec: 'aes-256-gcm', usage: 'encrypt' },
    },
    { says: '400 An EH_HMAC key can only be used to sign and verify.', facts: { spec: 'hmac-256', usage: 'sign' } },
  ],
  key_limit: [{ says: '400 create cmk failed, this app has as many keys as it may have.' }],
  key_generation_busy: [{ says: '400 create cmk failed, too many key generations of this app are waiting; try again.' }],
  input_length: [
    {
      says: '400 The plaintext is 191 bytes long, but EH_RSA_2048 with this padding takes at most 190.',
      was: 'invalid_parameter',
      facts: { what: 'plaintext', length: 191, spec: 'rsa-2048', limit: 190 },
    },
  ],
  algorithm_input: [
    {
      says: '400 EH_HMAC takes the message itself: EH_DIGEST is not offered.',
      was: 'invalid_parameter',
      facts: { family: 'hmac', prehashed: true },
    },
    { says: '400 A key of EH_SM2 cannot be used to derive.', facts: { spec: 'sm2', operation: 'derive' } },
    { says: '400 SM4 encrypts at least one byte.', message: 'SM4 encrypts at least one byte.' },
  ],
  decryption_failed: [{ says: '400 Decryption failed, Please confirm that your parameters are correct.' }],
  import_token: [{ says: '400 ImportToken failed.' }],
  import_token_expired: [{ says: '400 Token validity time is 24 hours. Try to send "GetParametersForImport" request again.' }],
  import_material: [
    { says: '400 Import key failed.' },
    {
      says: '400 Import key failed. Please confirm padding_mode and that the key material of an EH_SM4_CBC key is 16 bytes long.',
      facts: { spec: 'sm4-cbc', wanted: 16 },
    },
  ],
  secret_exists: [{ says: '400 Secret name already exists, cannot use the same secret name' }],
  secret_not_found: [
    { says: '400 Cannot find secretName' },
    { says: '400 Can not find secretName', action: 'PutSecretValue', was: 'secret_put_not_found' },
    { says: '400 Delete error, Can not find the secretName', action: 'DeleteSecret', was: 'secret_delete_not_found' },
    { says: "400 Can't find the secret's value.", action: 'GetSecretValue', was: 'secret_value_not_found' },
    { says: "400 Can't find the it's's value.", action: 'GetSecretValue', facts: { name: "it's" }, was: 'secret_value_not_found' },
    { says: '400 Can not restore secret, the secretName not find.', action: 'RestoreSecret', was: 'secret_restore_not_found' },
  ],
  secret_pending_deletion: [
    { says: '400 Can not modify a deleted secret.', was: 'secret_deleted' },
    { says: '400 Can not put value for a deleted secret.', action: 'PutSecretValue', was: 'secret_put_deleted' },
  ],
  secret_version_not_found: [{ says: '400 Current secretname cannot find previous version', was: 'secret_no_version' }],
  secret_key_not_found: [
    { says: '400 Cannot find cmk by keyid.', was: 'secret_key_missing' },
    {
      says: '400 Cannot find cmk by keyid. The secret is encrypted under the key k, which was deleted.',
      action: 'GetSecretValue',
      facts: { keyId: 'k' },
      was: 'secret_key_missing',
    },
  ],
  default_key_not_found: [{ says: '400 Cannot find default CMK.', was: 'secret_default_key_missing' }],
  rotation_interval: [{ says: '400 The rotation time is less than 6 hours or more than 8760 hours', was: 'secret_rotation_interval' }],
  secret_limit: [{ says: '400 create secret failed, this app has as many secrets as it may have.' }],
  secret_destruction_failed: [{ says: '500 Force delete failed', was: 'secret_delete_failed' }],
  quote_length: [{ says: "400 The quote's length is invalid." }],
  quote_malformed: [{ says: '400 The quote is malformed.' }],
  quote_policy_not_found: [{ says: '400 Invalid  policyId.', was: 'quote_policy_missing' }],
  quote_policy_mismatch: [{ says: '400 The quote does not match the policy.' }],
  quote_policy_limit: [{ says: '400 upload quote policy failed, this app has as many policies as it may have.' }],
  quote_collateral_malformed: [{ says: '400 The collateral is malformed.' }],
  quote_collateral_missing: [
    { says: '400 There is no collateral for this quote: send it in collateral, or have the operator set quote-collateral.' },
  ],
  quote_collateral_unavailable: [{ says: '500 The collateral for this quote cannot be fetched, please try again.' }],
  quote_provider_missing: [{ says: '400 This server has no quote provider.' }],
  quote_provider_failed: [{ says: '500 The quote could not be produced.' }],
  app_busy: [{ says: '400 Too many slow operations of this app are under way, please try again.' }],
  busy: [{ says: '500 Server busy, please try again.' }],
  storage_unavailable: [{ says: '500 database error' }],
  internal: [{ says: '500 Server internal error, please contact the administrator.' }],
}

const said = (error: unknown, action?: string): string => {
  const { code, message, result } = errorEnvelope(error, action)
  assert.deepEqual(result, {})
  return `${code} ${message}`
}

test('what this edge refuses itself', () => {
  assert.deepEqual(Object.keys(REFUSALS), EHSM_REFUSAL_CODES)
  for (const code of EHSM_REFUSAL_CODES) assert.equal(said(new EhsmRefusal(code)), REFUSALS[code])
})

test('what domains refuse', () => {
  for (const code of ERROR_CODES) {
    for (const { says, action, facts, message } of ANSWERS[code] ?? []) {
      const error = new ServiceError(code, { ...(facts && { facts }), ...(message !== undefined && { message }) })
      assert.equal(said(error, action), says, `${code} in answer to ${action}`)
      assert.equal(errorEnvelope(error, action).errorCode, code)
    }
  }
})

test('what is of no table says nothing of itself', () => {
  assert.equal(said(new Error('of the library')), '500 Server internal error, please contact the administrator.')
  assert.equal(said(new StorageError('full')), '500 database error')
})

test('every sentence is for a code that the API meets', () => {
  const overridden = Object.values(SENTENCES_BY_ACTION).flatMap((sentences) => Object.keys(sentences))
  for (const code of [...Object.keys(SENTENCES), ...overridden]) assert.ok(ANSWERS[code as ErrorCode], code)
})

test('a code that the domain has kept is said as its sentence, other text as it is', () => {
  assert.equal(keptSentence('secret_key_not_found'), 'Cannot find cmk by keyid.')
  assert.equal(keptSentence('busy'), 'Server busy, please try again.')
  assert.equal(keptSentence('the webhook answered with HTTP status 500'), 'the webhook answered with HTTP status 500')
})
