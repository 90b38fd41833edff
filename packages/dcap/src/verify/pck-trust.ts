import { certificatesFromPem, validateChain, X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { Quote } from '../quote/quote.ts'
import { isPckCertificate } from './pck-certificate.ts'

/**
 * Whether the PCK certificate that a quote carries leads to one of the roots, revocation aside: worth asking a service for collateral, and no
 * verification of the quote.
 */
export function carriesTrustedPck({ certification }: Pick<Quote, 'certification'>, roots: readonly Certificate[], at: Date): boolean {
  if (certification.pem === undefined) return false
  try {
    const candidates = certificatesFromPem(certification.pem, { max: 10 })
    const leaf = candidates.find(isPckCertificate)
    return leaf !== undefined && validateChain({ leaf, candidates, anchors: roots, at, policy: { requireCrl: 'never' } }).valid
  } catch (error) {
    if (error instanceof X509Error) return false
    throw error
  }
}
