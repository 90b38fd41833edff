/**
 * The one table of the domain's errors. `kind` tells an edge whose fault it is: `caller` (the request can be corrected), `refused` (the caller
 * isn't who it says it is), `missing` (no such operation) or `internal`. The message is public; what only the log may see goes into `detail`.
 */
const ERRORS = {
  // The envelope and the signature (contract §2).
  invalid_json: { kind: 'caller', message: 'Invalid JSON' },
  body_too_large: { kind: 'caller', message: 'The request body is too large.' },
  missing_parameters: { kind: 'caller', message: 'Missing required parameters' },
  parameter_type: { kind: 'caller', message: 'param type error' },
  nonce_length: { kind: 'caller', message: 'Nonce length error' },
  timestamp_length: { kind: 'caller', message: 'Timestamp length error' },
  timestamp_window: { kind: 'caller', message: 'Timestamp error' },
  timestamp_fenced: {
    kind: 'caller',
    message: 'Timestamp error, the server restarted or its replay memory is full; send a newer timestamp.',
  },
  timestamp_repeated: { kind: 'caller', message: "Timestamp can't be repeated in 20 minutes" },
  sign_error: { kind: 'refused', message: 'sign error' },
  strict_signature: { kind: 'refused', message: 'sign error, this app requires the X-Vouchsafe-Signature header.' },
  app_disabled: { kind: 'refused', message: 'app is disabled' },
  unknown_action: { kind: 'missing', message: 'API Not Found' },
  invalid_parameter: { kind: 'caller', message: 'Parameter invalid.' },
  enroll_closed: { kind: 'refused', message: 'enroll user info failed, enrolment is closed on this listener.' },
  enroll_forwarded: { kind: 'refused', message: 'enroll user info failed, open enrolment takes direct loopback requests only.' },
  enroll_token_missing: {
    kind: 'refused',
    message: 'enroll user info failed, enrolment here needs a token (Authorization: Bearer), which operators make.',
  },
  enroll_token: { kind: 'refused', message: 'enroll user info failed, the enrolment token is unknown, used or expired.' },
  enroll_limit: { kind: 'caller', message: 'enroll user info failed, no more apps can be enrolled here.' },
  // Keys (contract §5.0, and our order of reasons).
  key_missing: { kind: 'caller', message: 'keyid error' },
  key_not_found: { kind: 'caller', message: 'not find this keyid' },
  key_disabled: { kind: 'caller', message: 'keyid is disabled' },
  key_expired: { kind: 'caller', message: 'keyid expire' },
  key_pending_import: { kind: 'caller', message: 'keyid has no key material yet, import it first.' },
  key_usage: { kind: 'caller', message: 'The key does not allow this operation.' },
  key_limit: { kind: 'caller', message: 'create cmk failed, this app has as many keys as it may have.' },
  key_generation_busy: { kind: 'caller', message: 'create cmk failed, too many key generations of this app are waiting; try again.' },
  decryption_failed: { kind: 'caller', message: 'Decryption failed, Please confirm that your parameters are correct.' },
  import_token: { kind: 'caller', message: 'ImportToken failed.' },
  import_token_expired: {
    kind: 'caller',
    message: 'Token validity time is 24 hours. Try to send "GetParametersForImport" request again.',
  },
  import_material: { kind: 'caller', message: 'Import key failed.' },
  // Secrets (contract §5.15 to §5.23).
  secret_exists: { kind: 'caller', message: 'Secret name already exists, cannot use the same secret name' },
  secret_key_missing: { kind: 'caller', message: 'Cannot find cmk by keyid.' },
  secret_default_key_missing: { kind: 'caller', message: 'Cannot find default CMK.' },
  secret_rotation_interval: { kind: 'caller', message: 'The rotation time is less than 6 hours or more than 8760 hours' },
  secret_limit: { kind: 'caller', message: 'create secret failed, this app has as many secrets as it may have.' },
  secret_not_found: { kind: 'caller', message: 'Cannot find secretName' },
  secret_deleted: { kind: 'caller', message: 'Can not modify a deleted secret.' },
  secret_put_not_found: { kind: 'caller', message: 'Can not find secretName' },
  secret_put_deleted: { kind: 'caller', message: 'Can not put value for a deleted secret.' },
  secret_no_version: { kind: 'caller', message: 'Current secretname cannot find previous version' },
  secret_force_delete: { kind: 'caller', message: 'The forceDelete must be true or false' },
  secret_delete_not_found: { kind: 'caller', message: 'Delete error, Can not find the secretName' },
  secret_delete_failed: { kind: 'internal', message: 'Force delete failed' },
  secret_value_not_found: { kind: 'caller', message: "Can't find the secret's value." },
  secret_restore_not_found: { kind: 'caller', message: 'Can not restore secret, the secretName not find.' },
  // Quotes (contract §5.12 to §5.14).
  quote_length: { kind: 'caller', message: "The quote's length is invalid." },
  quote_malformed: { kind: 'caller', message: 'The quote is malformed.' },
  quote_policy_missing: { kind: 'caller', message: 'Invalid  policyId.' },
  quote_policy_mismatch: { kind: 'caller', message: 'The quote does not match the policy.' },
  quote_policy_limit: { kind: 'caller', message: 'upload quote policy failed, this app has as many policies as it may have.' },
  quote_collateral_malformed: { kind: 'caller', message: 'The collateral is malformed.' },
  quote_collateral_missing: {
    kind: 'caller',
    message: 'There is no collateral for this quote: send it in collateral, or have the operator set quote-collateral.',
  },
  quote_collateral_unavailable: { kind: 'internal', message: 'The collateral for this quote cannot be fetched, please try again.' },
  quote_provider_missing: { kind: 'caller', message: 'This server has no quote provider.' },
  quote_provider_failed: { kind: 'internal', message: 'The quote could not be produced.' },
  // The attestation authority (contract §1, §5 to §7).
  user_unidentified: { kind: 'refused', message: 'an API key or a TLS client certificate is required' },
  user_mismatch: { kind: 'refused', message: 'User-Id is not the user of the given credential' },
  denied: { kind: 'refused', message: 'this credential does not allow the operation' },
  denied_node: { kind: 'refused', message: 'this credential attests only one node' },
  rate_limited: { kind: 'caller', message: 'Too many requests' },
  duplicate: { kind: 'caller', message: 'It exists already.' },
  modified: { kind: 'caller', message: 'It was modified by another request, please retry.' },
  nonce_invalid: { kind: 'caller', message: 'Nonce verification failed: Invalid nonce.' },
  nonce_expired: { kind: 'caller', message: 'Nonce verification failed: Nonce expired.' },
  nonce_used: { kind: 'caller', message: 'Nonce verification failed: nonce.value was used before.' },
  ak_challenge: { kind: 'caller', message: 'Challenge verification failed.' },
  // Ours.
  app_busy: { kind: 'caller', message: 'Too many slow operations of this app are under way, please try again.' },
  busy: { kind: 'internal', message: 'Server busy, please try again.' },
  storage_unavailable: { kind: 'internal', message: 'database error' },
  internal: { kind: 'internal', message: 'Server internal error, please contact the administrator.' },
} as const satisfies Record<string, { kind: 'caller' | 'refused' | 'missing' | 'internal'; message: string }>

export type ErrorCode = keyof typeof ERRORS
export type ErrorKind = (typeof ERRORS)[ErrorCode]['kind']

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

/** A refusal with a code of the table. `message` is public; `detail` is for the log only. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly facts: Readonly<Record<string, string | number | boolean | undefined>>

  constructor(
    code: ErrorCode,
    options: {
      message?: string
      detail?: string
      cause?: unknown
      facts?: Readonly<Record<string, string | number | boolean | undefined>>
    } = {},
  ) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail
    this.facts = options.facts ?? {}
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind
  }
}

/** The public message of a code. */
export function messageOf(code: ErrorCode): string {
  return ERRORS[code].message
}

/** A refusal that names what is wrong with a parameter. */
export function invalidParameter(message: string): ServiceError {
  return new ServiceError('invalid_parameter', { message })
}
