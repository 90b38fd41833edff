/** What a stored certificate is worth now: the `valid_code` of queries (contract §4). */
import { namesEqual, REVOCATION_REASONS, type Certificate, type Crl, type RevokedEntry } from '@vouchsafe/x509'
import type { StoredCertificate } from './trust-store.ts'

export interface CertificateState {
  /** 0: usable; 1: its row was altered in the store; 2: revoked or expired. */
  validCode: 0 | 1 | 2
  /** The reason, if it isn't 0. */
  reason?: string
  revoked?: { date: Date; reasonCode: number }
}

/** `crls` are those of the user's that were not altered. */
export function stateOf({ certificate }: Pick<StoredCertificate, 'certificate'>, crls: readonly Crl[], now: number): CertificateState {
  if (!certificate) return { validCode: 1, reason: 'its row was altered in the store' }
  const entry = revocationOf(certificate, crls)
  if (entry) {
    const reasonCode = REVOCATION_REASONS.indexOf(entry.reason ?? 'unspecified')
    return { validCode: 2, reason: 'revoked', revoked: { date: entry.date, reasonCode } }
  }
  if (certificate.notAfter.getTime() < now) return { validCode: 2, reason: 'expired' }
  return { validCode: 0 }
}

/** The entry of the newest list of its issuer that names it. A list is stored only if the issuer's certificate verifies it. */
function revocationOf({ issuer, serialNumber, authorityKeyId }: Certificate, crls: readonly Crl[]): RevokedEntry | undefined {
  const keyId = authorityKeyId?.keyId
  return crls
    .filter((crl) => namesEqual(crl.issuer, issuer))
    .filter((crl) => keyId === undefined || crl.authorityKeyId?.keyId === undefined || crl.authorityKeyId.keyId === keyId)
    .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime())[0]
    ?.revoked.get(serialNumber)
}
