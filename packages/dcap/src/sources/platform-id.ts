import { attributeOf, X509Error } from '@vouchsafe/x509'
import { QuoteError } from '../errors.ts'
import type { Quote, Tee } from '../quote/quote.ts'
import { certificatesOfQuote, isPckCertificate, readPckExtension } from '../verify/pck-certificate.ts'

/** What identifies collateral in requests. */
export interface PlatformId {
  tee: Tee
  /** 12 lower-case hex digits. */
  fmspc: string
  /** Which of Intel's authorities issued the PCK certificate. */
  ca: 'platform' | 'processor'
}

/**
 * Reads the platform's identity from the PCK certificate in a quote, unverified. Throws QuoteError if the quote contains none.
 *
 * @example
 * platformIdOf(quote) // → { tee: 'SGX', fmspc: Buffer.from('SIMULA').toString('hex'), ca: 'platform' }
 */
export function platformIdOf({ tee, certification }: Pick<Quote, 'tee' | 'certification'>): PlatformId {
  if (certification.pem === undefined) throw new QuoteError('certification data', 'the quote carries no PCK certificate')
  try {
    const leaf = certificatesOfQuote(certification.pem).find(isPckCertificate)
    if (!leaf) throw new QuoteError('certification data', 'none of the certificates is a PCK certificate')
    const ca = /Processor CA/.test(attributeOf(leaf.issuer, 'CN') ?? '') ? 'processor' : 'platform'
    return { tee, fmspc: readPckExtension(leaf).fmspc.toString('hex'), ca }
  } catch (error) {
    if (error instanceof X509Error) throw new QuoteError('certification data', error.message)
    throw error
  }
}
