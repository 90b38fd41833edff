import { cryptographyOperations } from './actions/cryptography.ts'
import { dataKeyOperations } from './actions/data-keys.ts'
import { importOperations } from './actions/import.ts'
import { keyOperations } from './actions/keys.ts'
import { quoteOperations } from './actions/quotes.ts'
import { rotationOperations } from './actions/rotation.ts'
import { secretOperations } from './actions/secrets.ts'
import { serviceOperations } from './actions/service.ts'
import type { EhsmOperation } from './operation.ts'

/** Every operation of this edge. */
export const OPERATIONS: readonly EhsmOperation[] = [
  ...serviceOperations,
  ...keyOperations,
  ...cryptographyOperations,
  ...dataKeyOperations,
  ...importOperations,
  ...secretOperations,
  ...rotationOperations,
  ...quoteOperations,
]

/** By every value of `Action` that names one (case-sensitive). */
export const OPERATIONS_BY_ACTION: ReadonlyMap<string, EhsmOperation> = new Map(
  OPERATIONS.flatMap((operation) => [operation.name, ...(operation.aliases ?? [])].map((name) => [name, operation])),
)
