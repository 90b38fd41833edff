/** Collateral by itself: whether quotes of a platform can be verified with it, before there is one. */
import { Checks } from '@vouchsafe/checks'
import type { Check } from '@vouchsafe/checks'
import { crlProblem } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { Collateral } from '../collateral/collateral.ts'
import type { PlatformId } from '../sources/platform-id.ts'
import { checkAllCertificates, checkCollateralChain } from './chains.ts'
import type { ChainContext } from './chains.ts'
import { checkDocument, pickIdentity, pickTcbInfo } from './signed-documents.ts'

/**
 * Checks everything that does not depend on a PCK certificate: that the collateral is complete, for this platform, current, and signed
 * under the roots.
 *
 * @example
 * const checks = checkCollateral(collateral, platformIdOf(quote), [enclave.root], at)
 * checks.every(({ passed }) => passed) // → true
 */
export function checkCollateral(collateral: Collateral, platform: PlatformId, roots: readonly Certificate[], at: Date): readonly Check[] {
  const checks = new Checks()
  const context: ChainContext = { checks, collateral, roots, at }
  checkReadable(checks, collateral)
  const fmspc = Buffer.from(platform.fmspc, 'hex')
  const documents = [
    { name: 'tcb-info', document: pickTcbInfo(context, platform.tee, { fmspc }) },
    { name: 'qe-identity', document: pickIdentity(context, platform.tee) },
  ] as const
  const signers = documents.map(({ name, document }) => document && checkDocument(context, name, document))
  const paths = [...new Set(signers)].map((signer) => (signer ? checkCollateralChain(context, 'tcb-signing', signer) : []))
  checkAllCertificates(context, 'collateral-certificates', collateral.certificates, paths)
  const authorities = [...roots, ...collateral.certificates]
  const stray = collateral.crls.find((crl) => !authorities.some((authority) => crlProblem(crl, authority) === undefined))
  checks.add('collateral-crls', stray === undefined && collateral.crls.length >= 2, {
    expected: 'a CRL of the root and one of a PCK CA, each signed by its issuer',
    found: stray ? `one of ${stray.issuer.text.slice(0, 200)} that is not` : `${collateral.crls.length} CRLs`,
  })
  return checks.list
}

/** Adds `collateral-readable`. */
export function checkReadable(checks: Checks, { broken }: Collateral): void {
  checks.add('collateral-readable', broken.length === 0, {
    expected: 'every part of the collateral can be read',
    found:
      broken
        .map(({ name, reason }) => `${name}: ${reason}`)
        .join('; ')
        .slice(0, 500) || 'all can',
  })
}
