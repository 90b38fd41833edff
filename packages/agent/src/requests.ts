// What callers may ask: the bodies of the REST API, also as the command line puts them together (contract §2.1, §2.2, §17).
import { FieldError, anything, flag, list, oneOf, optional, required, shape, text, wholeNumber } from './fields.ts'
import type { Field, Reader } from './fields.ts'
import { AgentError } from './errors.ts'
import type { Freshness, Nonce } from './wire.ts'

export interface AskedAttester {
  /** undefined: every enabled one. */
  readonly type: string | undefined
  /** undefined: those of the configuration where the request names no attesters, otherwise the user's default ones. */
  readonly policyIds: readonly string[] | undefined
}

export interface TokenRequest {
  readonly attesters: readonly AskedAttester[]
  /** Attest anew even though there is a token. */
  readonly challenge: boolean
  readonly attesterData: unknown
}

export interface EvidenceRequest {
  /** undefined: every enabled one. */
  readonly types: readonly string[] | undefined
  readonly freshness: Freshness
  readonly attesterData: unknown
}

const MAX_POLICIES = 10
const MAX_ATTESTERS = 16

const attesterType = text(1, 255)

/** Standard base64 with its padding; Node's decoder passes over everything else. */
const base64 =
  (min: number, max: number): Reader<string> =>
  (value, field) => {
    const given = text(min, max)(value, field)
    if (Buffer.from(given, 'base64').toString('base64') !== given) throw new FieldError(field, 'is not standard base64')
    return given
  }

/** A nonce as a server issues it: what a quote is made for, and passed on as it is. */
export const readNonce: Reader<Nonce> = shape(
  { iat: required(wholeNumber(1, Number.MAX_SAFE_INTEGER)), value: required(base64(64, 1024)), signature: required(text(64, 2048)) },
  'ignore',
)

const anyData: Field<unknown> = optional(anything)

const TOKEN_BODY = shape(
  {
    attester_info: optional(
      list(
        shape({ attester_type: optional(attesterType), policy_ids: optional(list(text(1, 36), 0, MAX_POLICIES)) }, 'ignore'),
        0,
        MAX_ATTESTERS,
      ),
    ),
    challenge: optional(flag),
    attester_data: anyData,
    token_fmt: optional(((value, field) => oneOf('eat')(typeof value === 'string' ? value.toLowerCase() : value, field)) as Reader<'eat'>),
  },
  'ignore',
)

const oneOrMore: Reader<readonly string[]> = (value, field) =>
  list(attesterType, 0, MAX_ATTESTERS)(Array.isArray(value) ? value : [value], field)

const EVIDENCE_BODY = shape(
  {
    attester_types: optional(oneOrMore),
    attester_type: optional(oneOrMore),
    nonce_type: optional(oneOf('ignore', 'user', 'default', 'verifier')),
    user_nonce: optional(base64(64, 1024)),
    nonce: optional(readNonce),
    attester_data: anyData,
  },
  'ignore',
)

/** Reads the body of `tokens`; undefined where there was none. Throws AgentError `input` that names the field. */
export function readTokenRequest(body: unknown): TokenRequest {
  const { attester_info = [], challenge = false, attester_data } = reading(() => TOKEN_BODY(body ?? {}, ''))
  const attesters = (attester_info ?? []).map(({ attester_type, policy_ids }) => ({
    type: attester_type,
    policyIds: policy_ids === undefined || policy_ids.length === 0 ? undefined : policy_ids,
  }))
  return { attesters, challenge: challenge ?? false, attesterData: attester_data }
}

/** Reads the body of `evidences`. Throws AgentError `input` that names the field. */
export function readEvidenceRequest(body: unknown): EvidenceRequest {
  return reading(() => {
    const { attester_types, attester_type, nonce_type = 'default', user_nonce, nonce, attester_data } = EVIDENCE_BODY(body ?? {}, '')
    const types = attester_types ?? attester_type
    return {
      types: types === undefined || types.length === 0 ? undefined : types,
      freshness: freshnessOf(nonce_type ?? 'default', user_nonce, nonce),
      attesterData: attester_data,
    }
  })
}

function freshnessOf(type: string, userNonce: string | undefined, nonce: Nonce | undefined): Freshness {
  if (type === 'ignore') return { type }
  if (type === 'user') {
    if (userNonce === undefined) throw new AgentError('input', "User nonce must be provided when nonce_type is 'user' (user_nonce)")
    return { type, userNonce }
  }
  if (nonce === undefined) throw new AgentError('input', "Nonce must be provided when nonce_type is 'default' or null (nonce)")
  return { type: 'default', nonce }
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof FieldError)
      throw new AgentError('input', `Failed to parse request: ${error.message.replace(/^: /, '')}`, { cause: error })
    throw error
  }
}
