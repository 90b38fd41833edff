import { Type } from 'typebox'
import { GTA } from '@vouchsafe/operations'
import { ATTESTER_TYPES, isAttesterType } from '../../attestation/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import { SERVICE_VERSION } from '../dialect.ts'
import { operation, text } from '../operation.ts'

/** A nonce on the wire (contract §5). */
export const NONCE = Type.Object({
  iat: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'time of issue, seconds since 1970' }),
  value: Type.String({ minLength: 64, maxLength: 1024, description: 'base64 of 64 bytes' }),
  signature: Type.String({ minLength: 64, maxLength: 2048, description: 'base64; RSASSA-PSS with SHA-256 over iat and value' }),
})

export const nonceOperations = [
  operation(GTA.Challenge, {
    body: Type.Object({
      agent_version: text(1, 50),
      attester_type: Type.Array(text(1, 255), { minItems: 1, maxItems: 64 }),
    }),
    result: Type.Object({ service_version: Type.String(), nonce: NONCE }),
    async handle({ body }, call, { nonces }) {
      const unknown = body.attester_type.find((type) => !isAttesterType(type))
      if (unknown !== undefined) {
        throw invalidParameter(
          `Plugin not found: Required plugins not found (attester_type '${unknown}'; there are ${ATTESTER_TYPES.join(' and ')})`,
        )
      }
      return { service_version: SERVICE_VERSION, nonce: await nonces.issue(call.principal) }
    },
  }),
]
