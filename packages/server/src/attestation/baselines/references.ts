/** The reference values of one user and attester type, as verifiers look them up. */
export interface ReferenceSets {
  /** Whether a measured digest (lower-case hex) is a reference value; `fileName` counts for baselines that ask for it. */
  lookup(digestHex: string, fileName: string): 'matched' | 'unmatched'
  /** Whether the value that matched is a weak one (SHA-1). */
  isWeak(digestHex: string): boolean
}
