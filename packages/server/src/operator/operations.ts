import { appOperations } from './actions/apps.ts'
import { auditOperations } from './actions/audit.ts'
import { backupOperations } from './actions/backup.ts'
import { credentialOperations } from './actions/credentials.ts'
import { enrollTokenOperations } from './actions/enroll-tokens.ts'
import { keyOperations } from './actions/keys.ts'
import { quoteOperations } from './actions/quotes.ts'
import { sealOperations } from './actions/seal.ts'
import { signingKeyOperations } from './actions/signing-keys.ts'
import { trailOperations } from './actions/trail.ts'
import type { OperatorOperation } from './operation.ts'

/** Every operation of operators. */
export const OPERATIONS: readonly OperatorOperation[] = [
  ...appOperations,
  ...enrollTokenOperations,
  ...keyOperations,
  ...credentialOperations,
  ...signingKeyOperations,
  ...quoteOperations,
  ...sealOperations,
  ...backupOperations,
  ...auditOperations,
  ...trailOperations,
]
