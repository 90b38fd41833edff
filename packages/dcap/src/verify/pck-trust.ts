import { X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { Quote } from '../quote/quote.ts'
import { findPath } from './chains.ts'
import { certificatesOfQuote, isPckCertificate } from './pck-certificate.ts'

/**
 * Whether the PCK certificate that a quote carries chains to one of the roots, apart from revocation. It says whether
 * asking a service for collateral is worthwhile; it does not verify the quote.
 *
 * @example
 * carriesTrustedPck(quote, [enclave.root], at) // → true
 * carriesTrustedPck(quote, [INTEL_SGX_ROOT], at) // → false
 */
export function carriesTrustedPck({ certification }: Pick<Quote, 'certification'>, roots: readonly Certificate[], at: Date): boolean {
  if (certification.pem === undefined) return false
  try {
    const candidates = certificatesOfQuote(certification.pem)
    const leaf = candidates.find(isPckCertificate)
    return leaf !== undefined && findPath(leaf, candidates, roots, at).valid
  } catch (error) {
    if (error instanceof X509Error) return false
    throw error
  }
}
