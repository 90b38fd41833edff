import { leafHash } from '@vouchsafe/audit-log'
import { sha256 } from '../foundation/index.ts'

/** The hash of an entry in the tree. */
export function leafHashOf(leaf: Uint8Array): Uint8Array {
  return leafHash(sha256, leaf)
}
