/** The kinds of evidence that this release verifies; each has its verifier beside this file. */
export const ATTESTER_TYPES = ['tpm_boot', 'tpm_ima'] as const

export type AttesterType = (typeof ATTESTER_TYPES)[number]

/** Those whose evidence is compared with the user's baselines. */
export const BASELINE_TYPES: readonly string[] = ['tpm_ima'] satisfies AttesterType[]

export function isAttesterType(text: string): text is AttesterType {
  return (ATTESTER_TYPES as readonly string[]).includes(text)
}
