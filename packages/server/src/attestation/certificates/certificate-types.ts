import { ATTESTER_TYPES } from '../verifiers/attester-types.ts'

/**
 * What a stored certificate may vouch for: the signatures of baselines and policies, the evidence of an attester type, or (`tpm_ek`, ours)
 * the endorsement keys of TPMs that ask for a certificate of an attestation key.
 */
export const CERTIFICATE_TYPES = ['refvalue', 'policy', ...ATTESTER_TYPES, 'tpm_ek'] as const

export type CertificateType = (typeof CERTIFICATE_TYPES)[number]

export function isCertificateType(text: string): text is CertificateType {
  return (CERTIFICATE_TYPES as readonly string[]).includes(text)
}
