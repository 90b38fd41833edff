/**
 * What can go wrong, by meaning: an error has a kind, and a code with one public message. Edges map kinds to statuses and codes to their
 * own sentences; nothing here depends on the wording of an API.
 */

/** `unavailable` and `internal` are the server's fault, and logged; the others are for the caller to correct. */
export const ERROR_KINDS = [
  'not_found',
  'conflict',
  'denied',
  'unauthenticated',
  'disabled',
  'precondition',
  'exhausted',
  'invalid',
  'unavailable',
  'internal',
] as const
export type ErrorKind = (typeof ERROR_KINDS)[number]

const ERRORS = {
  invalid: { kind: 'invalid', message: 'The request is invalid.' },
  operation_not_found: { kind: 'not_found', message: 'There is no such operation.' },
  body_malformed: { kind: 'invalid', message: 'The body is not JSON, or too large.' },
  // The caller.
  user_unidentified: { kind: 'unauthenticated', message: 'an API key or a TLS client certificate is required' },
  user_id_invalid: { kind: 'invalid', message: 'The user id is missing, or is not 1 to 36 printable ASCII characters.' },
  api_key_invalid: { kind: 'unauthenticated', message: 'There is no such API key: it is wrong, has expired or was revoked.' },
  user_mismatch: { kind: 'unauthenticated', message: 'the named user is not the user of the credential' },
  denied: { kind: 'denied', message: 'This credential does not allow the operation.' },
  denied_node: { kind: 'denied', message: 'This credential is for another node.' },
  app_disabled: { kind: 'disabled', message: 'The operator has disabled this app: ask the operator to enable it.' },
  replayed: { kind: 'conflict', message: 'This request was received before: send a new one.' },
  stamp_fenced: { kind: 'precondition', message: 'It is no longer known whether this request was received before: send a newer one.' },
  rate_limited: { kind: 'exhausted', message: 'Too many requests' },
  enroll_closed: { kind: 'denied', message: 'Enrolment is closed on this listener.' },
  enroll_token: { kind: 'unauthenticated', message: 'The enrolment token is unknown, used or expired: ask the operator for another.' },
  enroll_limit: { kind: 'exhausted', message: 'The enrolment limit is reached: ask the operator to raise it.' },
  // Keys, in the order in which reasons are reported.
  key_not_found: { kind: 'not_found', message: 'There is no such key.' },
  key_disabled: { kind: 'disabled', message: 'The key is disabled: enable it first.' },
  key_expired: { kind: 'precondition', message: 'The key has expired: extend its expiry first.' },
  key_pending_import: { kind: 'precondition', message: 'The key has no material yet: import it first.' },
  key_usage: { kind: 'precondition', message: 'The key does not allow this operation.' },
  key_not_importable: { kind: 'precondition', message: 'The key was generated here: nothing can be imported into it.' },
  key_imported: { kind: 'conflict', message: 'The key has its material already; an import is final.' },
  key_origin: { kind: 'invalid', message: 'A key of this spec cannot be imported: have the server generate it.' },
  key_spec_usage: { kind: 'invalid', message: 'A key of this spec cannot have this usage.' },
  key_limit: { kind: 'exhausted', message: 'This app has reached its limit of keys: delete some.' },
  key_generation_busy: { kind: 'exhausted', message: 'Too many key generations of this app are waiting; try again.' },
  input_length: { kind: 'invalid', message: 'The input is too long for this key.' },
  algorithm_input: { kind: 'invalid', message: 'The algorithm does not take this input.' },
  decryption_failed: { kind: 'invalid', message: 'This does not decrypt under this key.' },
  import_token: { kind: 'invalid', message: 'The import token is not the one that was issued for this import: start the import again.' },
  import_token_expired: { kind: 'precondition', message: 'The import token has expired: start the import again.' },
  import_material: { kind: 'invalid', message: 'The key material does not unwrap to a key of this spec.' },
  trail_not_found: { kind: 'not_found', message: 'The trail has no such entry or file, or no checkpoint covers it yet.' },
  // Secrets.
  secret_exists: { kind: 'conflict', message: 'A secret with this name already exists: choose another.' },
  secret_not_found: { kind: 'not_found', message: 'There is no such secret.' },
  secret_pending_deletion: { kind: 'precondition', message: 'The secret is scheduled for deletion: restore it first.' },
  secret_version_not_found: { kind: 'precondition', message: 'The current version of the secret is missing.' },
  secret_key_not_found: { kind: 'not_found', message: 'There is no such key to encrypt the secret under.' },
  default_key_not_found: { kind: 'precondition', message: 'The app has no default key: name one.' },
  rotation_interval: { kind: 'invalid', message: 'The rotation interval must be 6 to 8760 hours.' },
  secret_limit: { kind: 'exhausted', message: 'This app has reached its limit of secrets: delete some.' },
  secret_destruction_failed: { kind: 'unavailable', message: 'The store did not destroy the secret; try again.' },
  // Quotes.
  quote_length: { kind: 'invalid', message: "The quote's length is invalid." },
  quote_malformed: { kind: 'invalid', message: 'The quote is malformed.' },
  quote_policy_not_found: { kind: 'not_found', message: 'There is no such quote policy.' },
  quote_policy_mismatch: { kind: 'denied', message: 'The quote does not match the policy.' },
  quote_policy_limit: { kind: 'exhausted', message: 'This app has reached its limit of quote policies: delete some.' },
  quote_collateral_malformed: { kind: 'invalid', message: 'The collateral is malformed.' },
  quote_collateral_missing: {
    kind: 'precondition',
    message: 'There is no collateral for this quote: send it in collateral, or have the operator set quote-collateral.',
  },
  quote_collateral_unavailable: { kind: 'unavailable', message: 'The collateral for this quote cannot be fetched, please try again.' },
  quote_provider_missing: { kind: 'precondition', message: 'This server has no quote provider.' },
  quote_provider_failed: { kind: 'unavailable', message: 'The quote could not be produced.' },
  // Attestation.
  api_key_required: { kind: 'invalid', message: 'Only an API key can be replaced by a new one: send the current one.' },
  nothing_to_change: { kind: 'invalid', message: 'The request changes nothing: say what to change.' },
  app_not_found: { kind: 'not_found', message: 'There is no such app.' },
  duplicate: { kind: 'conflict', message: 'It already exists.' },
  modified: { kind: 'conflict', message: 'It was modified by another request, please retry.' },
  limit_reached: { kind: 'exhausted', message: 'The limit is reached: delete some.' },
  altered: { kind: 'precondition', message: 'It was altered in the store: delete it and add it again.' },
  certificate_not_found: { kind: 'not_found', message: 'There is no such certificate.' },
  certificate_refused: { kind: 'invalid', message: 'The certificate is not accepted.' },
  crl_expired: { kind: 'invalid', message: 'The CRL is past its next update: get the one that replaces it.' },
  signature_algorithm: { kind: 'invalid', message: 'Signatures of this algorithm are not accepted.' },
  signer_untrusted: { kind: 'invalid', message: 'No certificate that may sign this verifies the signature.' },
  characters_forbidden: { kind: 'invalid', message: 'There are characters that are not allowed.' },
  policy_not_found: { kind: 'not_found', message: 'There is no such policy.' },
  policy_too_long: { kind: 'invalid', message: 'The policy is too long.' },
  policy_sample: { kind: 'invalid', message: 'The policy fails on sample evidence.' },
  policy_failed: { kind: 'precondition', message: 'The policy could not be evaluated.' },
  baseline_not_found: { kind: 'not_found', message: 'There is no such baseline.' },
  attester_type_unknown: { kind: 'invalid', message: 'There is no verifier of this kind of evidence.' },
  evidence_refused: { kind: 'invalid', message: 'The evidence is not accepted.' },
  token_too_long: { kind: 'invalid', message: 'The content of the token would be too long.' },
  user_nonce_missing: { kind: 'invalid', message: 'A user nonce was announced but is missing.' },
  nonce_missing: { kind: 'invalid', message: 'The measurement has no nonce: get one first.' },
  nonce_invalid: { kind: 'invalid', message: 'The nonce is invalid.' },
  nonce_expired: { kind: 'precondition', message: 'The nonce has expired: get a new one.' },
  nonce_used: { kind: 'precondition', message: 'The nonce was used before: get a new one.' },
  challenge_failed: { kind: 'denied', message: 'The challenge was not met: get a new one.' },
  // The authority's own keys.
  signing_key_not_found: { kind: 'not_found', message: 'There is no such version of the signing key.' },
  signing_key_in_use: { kind: 'precondition', message: 'This version of the signing key is still in use.' },
  // The server itself.
  app_busy: { kind: 'exhausted', message: 'Too many slow operations of this app are under way, please try again.' },
  busy: { kind: 'unavailable', message: 'Server busy, please try again.' },
  storage_unavailable: { kind: 'unavailable', message: 'The store does not answer, please try again.' },
  manifest_refused: { kind: 'internal', message: 'What decides here was altered in the store: ask the operator.' },
  internal: { kind: 'internal', message: 'Server internal error, please contact the administrator.' },
} as const satisfies Record<string, { kind: ErrorKind; message: string }>

export type ErrorCode = keyof typeof ERRORS

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

/** The facts of a message as values, so that an edge can word it itself. Fields have the domain's names; lengths are in bytes. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | undefined>>

export interface ServiceErrorOptions {
  /** Replaces the code's own message; also public. */
  message?: string
  facts?: ErrorFacts
  /** For the log only. */
  detail?: string
  cause?: unknown
}

/** A refusal with a code of the table. `message` and `facts` are public; `detail` is for the log only. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  readonly code: ErrorCode
  readonly facts: ErrorFacts
  readonly detail: string | undefined

  constructor(code: ErrorCode, options: ServiceErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = options.facts ?? {}
    this.detail = options.detail
    this.facts = options.facts ?? {}
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind
  }

  /** Whether the server is at fault rather than the caller. */
  get serverFault(): boolean {
    return isServerFault(this.kind)
  }
}

/** Whether an error of this kind is the server's fault rather than the caller's. */
export function isServerFault(kind: ErrorKind): boolean {
  return kind === 'unavailable' || kind === 'internal'
}

/** The public message of a code. */
export function messageOf(code: ErrorCode): string {
  return ERRORS[code].message
}

/** The kind of a code. */
export function kindOf(code: ErrorCode): ErrorKind {
  return ERRORS[code].kind
}

/** A refusal of one field, by its domain name: `problem` completes "The <field> …", or follows it with a colon. */
export function invalid(field: string, problem: string): ServiceError {
  return new ServiceError('invalid', {
    message: problem.startsWith(':') ? field + problem : `${field} ${problem}`,
    facts: { field, problem },
  })
}

/** A refusal in an edge's own words, which name the field as the API does. */
export function invalidParameter(message: string): ServiceError {
  return new ServiceError('invalid', { message })
}
