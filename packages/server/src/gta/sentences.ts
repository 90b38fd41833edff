/**
 * The domain's errors in the sentences of this API (the document's, and the original's where it says nothing), by code. What is not here is
 * said as the domain says it, with this wire's names of the fields. Words that depend on values fall back to the domain's without them.
 */
import type { GtaOperation } from './operation.ts'
import { ServiceError, type ErrorCode, type ErrorFacts } from '../foundation/index.ts'

type Fact = ErrorFacts[string]
type Sentence = string | ((facts: ErrorFacts) => Fact)

const CERTIFICATE_TAKEN = 'User has reached the maximum number of cert or cert name or cert is exist, please retry!'
const BASELINE_TAKEN = 'User has reached the maximum number of reference values or name exists'

export const DUPLICATES: Readonly<Record<string, string>> = {
  certificate: CERTIFICATE_TAKEN,
  'certificate name': 'Name is duplicated',
  policy: 'Policy is existing: another policy of this user has the id or the name',
  baseline: BASELINE_TAKEN,
  enrolment: 'ek_digest or node_id has an enrolment already',
}

const LIMITS: Readonly<Record<string, (limit: Fact) => string>> = {
  certificate: () => CERTIFICATE_TAKEN,
  crl: () => "this user's crl has arrived the online limit",
  policy: (limit) => `Strategy has reached its limit and cannot be created: a user may have ${limit} policies`,
  baseline: (limit) => `${BASELINE_TAKEN} (a user may have ${limit})`,
}

export const CHANGED: Readonly<Record<string, string>> = {
  certificate: 'Certificate has been modified by another request, please retry',
  policy: 'Policy has been modified by another request, please retry',
  baseline: 'Baseline has been modified by another request, please retry',
}

export const SENTENCES: Partial<Record<ErrorCode, Sentence>> = {
  user_mismatch: 'User-Id is not the user of the given credential',
  user_id_invalid: 'Missing or Invalid User-Id header: it must be 1 to 36 printable ASCII characters',
  api_key_invalid: 'Invalid API key',
  denied_node: ({ asked, allowed, index }) =>
    index === undefined
      ? `this endorsement key is node ${asked}; this credential is for ${allowed}`
      : `measurements[${index}].node_id: this credential attests only ${allowed}`,
  api_key_required: 'API-Key is missing: only an API key can be replaced by a new one',
  enroll_closed: 'enroll user info failed, enrolment is closed on this listener.',
  enroll_limit: 'enroll user info failed, no more apps can be enrolled here.',
  nothing_to_change: 'there is no field need to be updated',
  duplicate: ({ object }) => DUPLICATES[String(object)],
  limit_reached: ({ object, limit }) => LIMITS[String(object)]?.(limit),
  modified: ({ object }) => CHANGED[String(object)],
  certificate_not_found: 'No corresponding certificate found',
  certificate_refused: ({ reason }) => reason && `The imported certificate is invalid. content: ${reason}`,
  crl_expired: ({ nextUpdate }) => nextUpdate && `CRL next update time is timeout: crl_content was to be replaced by ${nextUpdate}`,
  signature_algorithm: ({ given, known }) =>
    given && `content: incorrect format error unsupported algorithm: ${given} (there are ${known})`,
  signer_untrusted: ({ what, reason }) => what && `Failed to verify ${what} signature: ${reason}`,
  characters_forbidden: ({ field, characters }) =>
    field && `Incorrect formatting of input parameters: ${snakeCase(String(field))} has characters that are not allowed (${characters})`,
  policy_not_found: ({ id, ids }) =>
    ids === undefined ? id && `Policy not found: id '${id}'` : `Policy not found: Policy not found for ids: ${ids}`,
  policy_too_long: ({ limit }) => limit && `Strategy content is greater than the cap: a policy may have ${limit} KB`,
  policy_sample: ({ type, reason }) => type && `Syntax error when sample output matches policy: ${type}: ${reason}`,
  policy_failed: ({ reason }) => reason && `Policy verification failed: ${reason}`,
  baseline_not_found: ({ id }) => id && `id is not exist: there is no baseline '${id}'`,
  attester_type_unknown: ({ type }) => type && `Plugin not found for attester type: ${type}`,
  evidence_refused: ({ reason }) => reason && `Evidence verification failed: ${reason}`,
  token_too_long: 'Token generation failed: what the token would hold is too long',
  user_nonce_missing: 'user_nonce parameter required',
  nonce_missing: 'missing nonce in measurements',
  nonce_invalid: ({ reason = 'Invalid nonce.' }) => `Nonce verification failed: ${reason}`,
  nonce_expired: 'Nonce verification failed: Nonce expired.',
  nonce_used: 'Nonce verification failed: nonce.value was used before.',
  challenge_failed: ({ reason }) => reason && `Challenge verification failed: ${reason}`,
}

/**
 * What this API says of a domain's error.
 * @param operation the operation that was called, for what it needs of its caller
 */
export function sentenceOf(error: ServiceError, operation?: Pick<GtaOperation, 'name' | 'permission'>): string {
  if (error.code === 'denied' && operation) return missingRole(error.facts.role, operation)
  const sentence = SENTENCES[error.code]
  const said = typeof sentence === 'function' ? sentence(error.facts) : sentence
  return typeof said === 'string' ? said : withWireNames(error)
}

function missingRole(role: Fact, { name, permission }: Pick<GtaOperation, 'name' | 'permission'>): string {
  return `this credential has the role ${role}; ${name} needs ${permission === 'owner' ? 'owner' : `${permission} or owner`}`
}

/** The domain's own message, in which the fields that it speaks of have their names on this wire. */
function withWireNames({ message, facts: { field, other } }: ServiceError): string {
  let text = message
  for (const name of [field, other]) if (typeof name === 'string') text = text.replaceAll(name, snakeCase(name))
  return text
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
