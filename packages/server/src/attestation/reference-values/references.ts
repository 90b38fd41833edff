import { openReferences } from './reference-index.ts'

/** The reference values of one user and attester type, as verifiers look them up. */
export interface ReferenceSets {
  /** Whether a measured digest (lower-case hex) is a reference value; `fileName` matters only for baselines that require it. */
  lookup(digestHex: string, fileName: string): 'matched' | 'unmatched'
  /** Whether the matching value is weak (SHA-1). */
  isWeak(digestHex: string): boolean
}

/** The same as it is handed to the appraisal workers: shared, not copied. */
export interface SharedReferenceSets {
  index: SharedArrayBuffer
  /** Baselines that were altered in the store: their values are ignored, and appraisals report that. */
  altered: readonly string[]
}

/** Hex digits of a SHA-1 digest; a shorter one is weak too. */
const WEAK_DIGITS = 40

/** Opens shared reference values for look-ups, once per appraisal. */
export function referenceSets({ index }: SharedReferenceSets): ReferenceSets {
  const holds = openReferences(index)
  return {
    lookup: (digestHex, fileName) => (holds(digestHex, fileName) ? 'matched' : 'unmatched'),
    isWeak: (digestHex) => digestHex.length <= WEAK_DIGITS,
  }
}
