/** The kinds of evidence that this release verifies; each verifier is a file beside this one. */
export const ATTESTER_TYPES = ['tpm_boot', 'tpm_ima'] as const

export type AttesterType = (typeof ATTESTER_TYPES)[number]

/** The types whose evidence is compared with the user's baselines. */
export const BASELINE_TYPES: readonly string[] = ['tpm_ima'] satisfies AttesterType[]

export function isAttesterType(text: string): text is AttesterType {
  return (ATTESTER_TYPES as readonly string[]).includes(text)
}
