import { akCertificateOperations } from './actions/ak-certificates.ts'
import { attestOperations } from './actions/attest.ts'
import { baselineOperations } from './actions/baselines.ts'
import { certificateOperations } from './actions/certificates.ts'
import { keyOperations } from './actions/keys.ts'
import { nonceOperations } from './actions/nonce.ts'
import { policyOperations } from './actions/policies.ts'
import { registerOperations } from './actions/register.ts'
import { tokenOperations } from './actions/token.ts'
import type { GtaOperation } from './operation.ts'

/** Every operation of the attestation authority. */
export const OPERATIONS: readonly GtaOperation[] = [
  ...nonceOperations,
  ...attestOperations,
  ...tokenOperations,
  ...certificateOperations,
  ...policyOperations,
  ...baselineOperations,
  ...akCertificateOperations,
  ...registerOperations,
  ...keyOperations,
]
