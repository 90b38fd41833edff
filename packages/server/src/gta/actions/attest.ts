import { Type, type Static } from 'typebox'
import { ATTESTER_TYPES, type AttestRequest } from '../../attestation/index.ts'
import { ServiceError, invalidParameter } from '../../foundation/index.ts'
import { NONCE_TYPES, SERVICE_VERSION } from '../dialect.ts'
import { nullable, operation, text, type GtaCall } from '../operation.ts'
import { sentenceOf } from '../sentences.ts'
import { NONCE } from './nonce.ts'

const MAX_MEASUREMENTS = 64
/** Maximum characters of one message. */
const MAX_MESSAGE = 1024

const EVIDENCE = Type.Object({
  attester_type: text(1, 255, ATTESTER_TYPES.join(' or ')),
  evidence: Type.Unknown({ description: 'what the verifier of that type reads' }),
  policy_ids: nullable(Type.Array(text(1, 36), { minItems: 1, maxItems: 10, description: "default: the user's default policies" })),
})

const BODY = Type.Object({
  message: nullable(Type.String({ maxLength: 1024 })),
  agent_version: text(1, 50),
  nonce_type: nullable(Type.String({ description: 'ignore, user, or default (the same: verifier)' })),
  user_nonce: nullable(Type.String({ description: 'with user: base64, 64 to 1024 characters' })),
  measurements: Type.Array(
    Type.Object({
      node_id: text(1, 255, "the common name of the attestation key's certificate"),
      nonce: nullable(NONCE),
      attester_data: Type.Optional(Type.Unknown({ description: 'anything; the token carries it, the quote does not cover it' })),
      evidences: Type.Array(EVIDENCE, { minItems: 1, maxItems: 8 }),
    }),
    { minItems: 1, maxItems: MAX_MEASUREMENTS },
  ),
  explanation: Type.Optional(Type.Boolean({ description: 'tokens then carry the named checks and the reasons of the policies' })),
})

export const attestOperations = [
  operation({
    name: 'Attest',
    summary: 'Verifies evidence and returns a token for each node.',
    notes:
      'Measurements that fail are listed in `errors`, beside the tokens of the others; if none passes, the response is 400 with the error of the first.',
    method: 'POST',
    paths: ['attest'],
    permission: 'attester',
    rate: 'attestation',
    bodyLimit: 'evidence',
    versioned: true,
    logged: true,
    body: BODY,
    result: Type.Object({
      service_version: Type.String(),
      tokens: Type.Array(Type.Object({ node_id: Type.String(), token: Type.String() })),
      errors: Type.Optional(Type.Array(Type.Object({ index: Type.Integer(), node_id: Type.String(), message: Type.String() }))),
    }),
    object: ({ body }) => body.measurements.map(({ node_id }) => node_id).join(' '),
    async handle({ body }, call, { attest }) {
      const { tokens, errors } = await attest.attest(call.principal, requestOf(body, call)).catch((error: unknown) => {
        throw shortened(error)
      })
      return {
        service_version: SERVICE_VERSION,
        tokens: tokens.map(({ nodeId, token }) => ({ node_id: nodeId, token })),
        ...(errors.length === 0
          ? {}
          : { errors: errors.map(({ index, nodeId, error }) => ({ index, node_id: nodeId, message: cut(sentenceOf(error)) })) }),
      }
    },
  }),
]

type Body = Static<typeof BODY>

function requestOf({ nonce_type, user_nonce, measurements, explanation = false }: Body, { local }: GtaCall): AttestRequest {
  const nonceType = NONCE_TYPES.get(nonce_type ?? undefined)
  if (nonceType === undefined) throw invalidParameter('nonce_type must be one of: ignore, user, default (or verifier)')
  return {
    nonceType,
    userNonce: user_nonce ?? undefined,
    measurements: measurements.map(({ node_id, nonce, attester_data, evidences }) => ({
      nodeId: node_id,
      // Nothing else of it: the token repeats it.
      nonce: nonce ? { iat: nonce.iat, value: nonce.value, signature: nonce.signature } : undefined,
      attesterData: attester_data,
      evidences: evidences.map(({ attester_type, evidence, policy_ids }) => ({
        attesterType: attester_type,
        evidence,
        policyIds: policy_ids ?? undefined,
      })),
    })),
    local,
    explain: explanation,
  }
}

/** Evidence and policies may produce long texts. */
function shortened(error: unknown): unknown {
  if (!(error instanceof ServiceError)) return error
  const sentence = sentenceOf(error)
  return sentence.length <= MAX_MESSAGE ? error : new ServiceError(error.code, { message: cut(sentence), cause: error })
}

function cut(sentence: string): string {
  return sentence.length <= MAX_MESSAGE ? sentence : `${sentence.slice(0, MAX_MESSAGE - 1)}…`
}
