/** What a certificate must be for each use that a user may store one for: one table, so that no kind is looked at less closely than its siblings. */
import { EKU, type Certificate, type CertificatePolicy, type KeyUsage } from '@vouchsafe/x509'
import { ATTESTER_TYPES } from '../verifiers/attester-types.ts'
import type { CertificateType } from './certificate-types.ts'

export interface ProfileSettings {
  /** The certificate of an endorsement key must say that it is one. */
  requireEkUsage: boolean
}

interface Profile {
  /** A stored CA may itself sign. */
  mayBeCa?: true
  /** The usage that the key must be for. */
  keyUsage?: (certificate: Certificate) => KeyUsage
  /** Whether it must say so; otherwise a certificate that restricts nothing will do. */
  demandsKeyUsage?: true
  refusedKeyUsage?: readonly KeyUsage[]
  /** Of these it must have one, if it restricts them. */
  extendedKeyUsage?: readonly string[]
  /** With `requireEkUsage` it must have this one. */
  strictExtendedKeyUsage?: string
}

/** Policies and baselines: the certificate is trusted as it was stored, so its usages are for the user who stored it. */
const SIGNER: Profile = { mayBeCa: true }

/** Otherwise the key of any TLS certificate of that CA could sign forged quotes. */
const ATTESTATION_KEY: Profile = {
  keyUsage: () => 'digitalSignature',
  extendedKeyUsage: [EKU.tcgAikCertificate, EKU.any],
}

/**
 * TCG EK Credential Profile for TPM Family 2.0, version 2.4, §3.2: no CA; key usage keyEncipherment for RSA, keyAgreement for ECC. A key that may sign
 * instead can be any key that the CA ever certified, one in a file included.
 */
const ENDORSEMENT_KEY: Profile = {
  keyUsage: ({ publicKey }) => (publicKey.kind.startsWith('rsa') ? 'keyEncipherment' : 'keyAgreement'),
  demandsKeyUsage: true,
  refusedKeyUsage: ['keyCertSign', 'cRLSign'],
  extendedKeyUsage: [EKU.tcgEkCertificate, EKU.any],
  strictExtendedKeyUsage: EKU.tcgEkCertificate,
}

const PROFILES: Readonly<Record<CertificateType, Profile>> = {
  refvalue: SIGNER,
  policy: SIGNER,
  ...(Object.fromEntries(ATTESTER_TYPES.map((type) => [type, ATTESTATION_KEY])) as Record<(typeof ATTESTER_TYPES)[number], Profile>),
  tpm_ek: ENDORSEMENT_KEY,
}

/** What the certificate must fulfil, as the leaf of a chain, for a use. */
export function leafPolicy(type: CertificateType, leaf: Certificate, { requireEkUsage }: ProfileSettings): CertificatePolicy {
  const { mayBeCa, keyUsage, demandsKeyUsage, refusedKeyUsage, extendedKeyUsage, strictExtendedKeyUsage: strict } = PROFILES[type]
  // A key of a TLS server may encipher too; one that may also sign must say that it is not that.
  const signs = demandsKeyUsage && !leaf.extendedKeyUsage?.includes(strict!)
  const demanded = strict !== undefined && requireEkUsage
  return {
    ...(mayBeCa && { allowCaLeaf: true }),
    ...(keyUsage && { leafKeyUsage: [keyUsage(leaf)] }),
    ...(demandsKeyUsage && { demandLeafKeyUsage: true }),
    ...(refusedKeyUsage && { refusedLeafKeyUsage: signs ? [...refusedKeyUsage, 'digitalSignature'] : refusedKeyUsage }),
    ...(extendedKeyUsage && { leafExtendedKeyUsage: demanded ? [strict] : extendedKeyUsage }),
    ...(demanded && { demandLeafExtendedKeyUsage: true }),
  }
}
