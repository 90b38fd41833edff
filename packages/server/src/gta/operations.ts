import { keyOperations } from './actions/keys.ts'
import { nonceOperations } from './actions/nonce.ts'
import { registerOperations } from './actions/register.ts'
import { tokenOperations } from './actions/token.ts'
import type { Operation } from './operation.ts'

/** Every operation of the attestation authority. */
export const OPERATIONS: readonly Operation[] = [...nonceOperations, ...tokenOperations, ...registerOperations, ...keyOperations]
