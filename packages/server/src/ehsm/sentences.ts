/**
 * The domain's errors in the sentences of this API (contract §1.1 and §5): by code, for some actions other ones, and as functions where the
 * words depend on values. What is not here is said as the domain says it.
 */
import type { CryptographicOperation } from '../keys/index.ts'
import { ERROR_CODES, messageOf, ServiceError, type ErrorCode, type ErrorFacts } from '../foundation/index.ts'
import { keySpecWord, operationWord } from './dialect.ts'

type Sentence = string | ((facts: ErrorFacts, error: ServiceError) => string)

const NO_SECRET_KEY = 'Cannot find cmk by keyid.'

/** By code. */
export const SENTENCES: Partial<Record<ErrorCode, Sentence>> = {
  invalid: invalidSentence,
  app_disabled: 'app is disabled',
  replayed: "Timestamp can't be repeated in 20 minutes",
  stamp_fenced: 'Timestamp error, the server restarted or its replay memory is full; send a newer timestamp.',
  enroll_closed: 'enroll user info failed, enrolment is closed on this listener.',
  enroll_token: 'enroll user info failed, the enrolment token is unknown, used or expired.',
  enroll_limit: 'enroll user info failed, no more apps can be enrolled here.',
  key_not_found: 'keyid error',
  key_disabled: 'keyid is disabled',
  key_expired: 'keyid expire',
  key_pending_import: 'keyid has no key material yet, import it first.',
  key_usage: keyUsageSentence,
  key_not_importable: 'The key was not created with EH_EXTERNAL_KEY: nothing can be imported to it.',
  key_origin: ({ spec }) => `EH_EXTERNAL_KEY is for AES, SM4 and HMAC keys; ${word(spec)} keys are generated here (EH_INTERNAL_KEY).`,
  key_spec_usage: ({ spec, usage }) => `An ${word(spec)} key can only be used to ${usageWord(usage)}.`,
  key_limit: 'create cmk failed, this app has as many keys as it may have.',
  key_generation_busy: 'create cmk failed, too many key generations of this app are waiting; try again.',
  input_length: ({ what, length, spec, limit }) =>
    `The ${what} is ${length} bytes long, but ${word(spec)} with this padding takes at most ${limit}.`,
  algorithm_input: algorithmSentence,
  decryption_failed: 'Decryption failed, Please confirm that your parameters are correct.',
  import_token: 'ImportToken failed.',
  import_token_expired: 'Token validity time is 24 hours. Try to send "GetParametersForImport" request again.',
  import_material: ({ spec, wanted }) =>
    spec === undefined
      ? 'Import key failed.'
      : `Import key failed. Please confirm padding_mode and that the key material of an ${word(spec)} key is ${wanted} bytes long.`,
  secret_exists: 'Secret name already exists, cannot use the same secret name',
  secret_not_found: 'Cannot find secretName',
  secret_pending_deletion: 'Can not modify a deleted secret.',
  secret_version_not_found: 'Current secretname cannot find previous version',
  secret_key_not_found: NO_SECRET_KEY,
  default_key_not_found: 'Cannot find default CMK.',
  rotation_interval: 'The rotation time is less than 6 hours or more than 8760 hours',
  secret_limit: 'create secret failed, this app has as many secrets as it may have.',
  secret_destruction_failed: 'Force delete failed',
  quote_policy_not_found: 'Invalid  policyId.',
  quote_policy_limit: 'upload quote policy failed, this app has as many policies as it may have.',
  storage_unavailable: 'database error',
}

/** Where an action says it otherwise. */
export const SENTENCES_BY_ACTION: Readonly<Record<string, Partial<Record<ErrorCode, Sentence>>>> = {
  EnableKey: { key_not_found: 'not find this keyid' },
  DisableKey: { key_not_found: 'not find this keyid' },
  PutSecretValue: { secret_not_found: 'Can not find secretName', secret_pending_deletion: 'Can not put value for a deleted secret.' },
  GetSecretValue: {
    secret_not_found: ({ name }) => `Can't find the ${name ?? 'secret'}'s value.`,
    secret_key_not_found: ({ keyId }) => `${NO_SECRET_KEY} The secret is encrypted under the key ${keyId}, which was deleted.`,
  },
  DeleteSecret: { secret_not_found: 'Delete error, Can not find the secretName' },
  RestoreSecret: { secret_not_found: 'Can not restore secret, the secretName not find.' },
}

/** The names of this wire for the domain's fields; a field that is not here has the same name. */
const FIELD_WORDS: Readonly<Record<string, string>> = { padding: 'padding_mode', expiresAt: 'expireTime', keyId: 'encryptionKeyId' }

/** What the API says of an error in answer to `action`. */
export function sentenceOf(error: ServiceError, action = ''): string {
  const sentence = SENTENCES_BY_ACTION[action]?.[error.code] ?? SENTENCES[error.code] ?? error.message
  return typeof sentence === 'function' ? sentence(error.facts, error) : sentence
}

/** What the API says of a code that the domain has kept; other text is said as it is. */
export function keptSentence(text: string): string {
  return ERROR_CODES.includes(text as ErrorCode) ? sentenceOf(new ServiceError(text as ErrorCode)) : text
}

function invalidSentence({ field, problem }: ErrorFacts, error: ServiceError): string {
  if (field === undefined) return error.message
  return `Parameter invalid, The ${FIELD_WORDS[String(field)] ?? field} ${problem}.`
}

function keyUsageSentence({ spec, usage, operation, needs }: ErrorFacts, error: ServiceError): string {
  const name = operationWord(operation as CryptographicOperation)
  if (spec !== undefined) return `The key is an ${word(spec)} key: ${name} needs ${needs}.`
  if (usage !== undefined) return `The key was created only to ${usageWord(usage)}: ${name} is not allowed.`
  return error.message
}

function algorithmSentence({ family, prehashed, spec, operation }: ErrorFacts, error: ServiceError): string {
  if (family === 'hmac' && prehashed) return `${word('hmac-256')} takes the message itself: EH_DIGEST is not offered.`
  if (spec !== undefined && operation !== undefined) return `A key of ${word(spec)} cannot be used to ${operation}.`
  return error.message
}

function word(spec: ErrorFacts[string]): string {
  return keySpecWord(String(spec))
}

function usageWord(usage: ErrorFacts[string]): string {
  return usage === 'sign' ? 'sign and verify' : 'encrypt and decrypt'
}

/** The sentence of a store that does not answer. */
export const STORAGE_SENTENCE = sentenceOf(new ServiceError('storage_unavailable'))
/** The sentence of whatever says nothing of itself. */
export const INTERNAL_SENTENCE = messageOf('internal')
