/** The kinds of evidence that this release verifies; each has its verifier in `verifiers/`. */
export const ATTESTER_TYPES = ['tpm_boot', 'tpm_ima'] as const

export type AttesterType = (typeof ATTESTER_TYPES)[number]

export function isAttesterType(text: string): text is AttesterType {
  return (ATTESTER_TYPES as readonly string[]).includes(text)
}
