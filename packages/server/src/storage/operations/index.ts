import type { OperationName, OperationTable } from '../operation.ts'
import { appOperations } from './apps.ts'
import { attestationKeyOperations } from './attestation-keys.ts'
import { baselineOperations } from './baselines.ts'
import { certificateOperations } from './certificates.ts'
import { changeOperations } from './changes.ts'
import { crlOperations } from './crls.ts'
import { domainKeyOperations } from './domain-keys.ts'
import { enrollTokenOperations } from './enroll-tokens.ts'
import { fenceOperations } from './fences.ts'
import { importOperations } from './import-sessions.ts'
import { keyDeletionOperations } from './key-deletion.ts'
import { keyOperations } from './keys.ts'
import { manifestOperations } from './manifests.ts'
import { markOperations } from './marks.ts'
import { policyOperations } from './policies.ts'
import { quoteOperations } from './quotes.ts'
import { replayRecordOperations } from './replay-records.ts'
import { restoreOperations } from './restore.ts'
import { rotationWebhookOperations } from './rotation-webhooks.ts'
import { sealedOperations } from './sealed.ts'
import { secretDeletionOperations } from './secret-deletion.ts'
import { secretRotationOperations } from './secret-rotation.ts'
import { secretOperations } from './secrets.ts'
import { serverOperations } from './servers.ts'
import { signedRowOperations } from './signed-rows.ts'
import { signingKeyOperations } from './signing-keys.ts'
import { trailOperations } from './trail.ts'
import { usedNonceOperations } from './used-nonces.ts'
import { userOperations } from './users.ts'

/** Every operation of the storage port. */
export const operations: OperationTable = {
  ...domainKeyOperations,
  ...sealedOperations,
  ...appOperations,
  ...keyOperations,
  ...keyDeletionOperations,
  ...importOperations,
  ...serverOperations,
  ...fenceOperations,
  ...replayRecordOperations,
  ...changeOperations,
  ...trailOperations,
  ...markOperations,
  ...manifestOperations,
  ...enrollTokenOperations,
  ...restoreOperations,
  ...secretOperations,
  ...secretDeletionOperations,
  ...secretRotationOperations,
  ...rotationWebhookOperations,
  ...quoteOperations,
  ...userOperations,
  ...signingKeyOperations,
  ...usedNonceOperations,
  ...certificateOperations,
  ...crlOperations,
  ...signedRowOperations,
  ...attestationKeyOperations,
  ...policyOperations,
  ...baselineOperations,
}

export const operationNames = Object.keys(operations) as OperationName[]
