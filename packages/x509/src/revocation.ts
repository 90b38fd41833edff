/** Revocation by CRLs (RFC 5280 §6.3, complete lists of the certificate's own issuer). */
import type { Certificate } from './certificate.ts'
import { check } from './check.ts'
import type { ChainCheck } from './check.ts'
import type { Crl } from './crl.ts'
import { namesEqual } from './name.ts'
import { signatureProblem } from './signature.ts'
import type { SignatureOptions } from './signature.ts'

export interface RevocationPolicy extends SignatureOptions {
  /**
   * `never` ignores CRLs; `if-present` (the default) uses those given for the issuer; `always` requires one for each certificate except
   * the anchor.
   */
  requireCrl?: 'never' | 'if-present' | 'always'
  /** Whether a list past its nextUpdate fails the chain; otherwise it only causes a warning. Its revocations count either way. */
  refuseStaleCrl?: boolean
}

/** The maximum number of an issuer's lists that are checked for one certificate, newest first. */
const MAX_LISTS = 16

/**
 * Explains why a CRL was not issued by this issuer; undefined if it was: the names are equal, the issuer is a CA that may sign CRLs, key
 * identifiers agree, no critical extension is unknown, and the signature verifies. The caller checks dates and the issuer's own chain.
 *
 * @example
 * crlProblem(crl, ca) // → undefined
 * crlProblem(crl, leaf) // → 'issuer is O=Example, CN=Example CA'
 */
export function crlProblem(crl: Crl, issuer: Certificate, options: SignatureOptions = {}): string | undefined {
  if (!namesEqual(crl.issuer, issuer.subject)) return `issuer is ${crl.issuer.text}`
  if (issuer.basicConstraints?.ca !== true) return 'issuer is not a CA'
  if (issuer.keyUsage && !issuer.keyUsage.includes('cRLSign')) return 'issuer may not sign CRLs'
  if (!keyIdFits(crl, issuer)) return "made with another of the issuer's keys"
  if (crl.unknownCritical.length > 0) return `unknown critical extension ${crl.unknownCritical.join(', ')}`
  return signatureProblem(crl, issuer.publicKey, options)
}

/** Remembers which issuer signed which list, for the duration of one validation. */
export type CrlVerdicts = Map<Crl, Map<Certificate, string | undefined>>

/**
 * Checks of one certificate against lists by any of `issuers`, which are certificates with the name of its issuer that may speak for it.
 * `required` is false for anchors.
 */
export function revocationChecks(
  certificate: Certificate,
  issuers: readonly Certificate[],
  crls: readonly Crl[],
  at: Date,
  required: boolean,
  policy: RevocationPolicy,
  verdicts: CrlVerdicts,
): ChainCheck[] {
  const { requireCrl = 'if-present', refuseStaleCrl = false } = policy
  if (requireCrl === 'never') return []
  const fitting = crls.filter(
    (crl) => namesEqual(crl.issuer, certificate.issuer) && crlCovers(crl, certificate) && issuers.some((issuer) => keyIdFits(crl, issuer)),
  )
  const [future, begun] = [fitting.filter(({ thisUpdate }) => thisUpdate > at), fitting.filter(({ thisUpdate }) => thisUpdate <= at)]
  const lists = (begun.length > 0 ? begun : future).toSorted(newestFirst).slice(0, MAX_LISTS)
  if (lists.length === 0) {
    const absent = check('revocation', certificate, false, 'a CRL of its issuer', 'none')
    return required && requireCrl === 'always' ? [absent] : []
  }
  const problems: string[] = []
  for (const crl of lists) {
    const found = issuers.map((issuer) => verdictOf(crl, issuer, policy, verdicts))
    if (found.includes(undefined)) return listChecks(certificate, crl, at, refuseStaleCrl)
    problems.push(...found.map((problem) => problem!))
  }
  return [check('crl-signature', certificate, false, `a CRL signed by ${certificate.issuer.text}`, problems[0] ?? 'no such CA')]
}

function listChecks(certificate: Certificate, crl: Crl, at: Date, refuseStale: boolean): ChainCheck[] {
  const { thisUpdate, nextUpdate } = crl
  const entry = crl.revoked.get(certificate.serialNumber)
  const early = at < thisUpdate
  const stale = nextUpdate !== undefined && nextUpdate < at
  const dates = `${thisUpdate.toISOString()} to ${nextUpdate?.toISOString() ?? 'no date'}`
  return [
    check('crl-signature', certificate, true, `a CRL signed by ${certificate.issuer.text}`, 'signature verifies'),
    {
      ...check('crl-dates', certificate, !early && !stale, `current at ${at.toISOString()}`, dates),
      ...(stale && !early && !refuseStale && { tolerated: true }),
    },
    check(
      'revocation',
      certificate,
      entry === undefined,
      'not revoked',
      entry ? `revoked on ${entry.date.toISOString()}: ${entry.reason ?? 'no reason given'}` : 'not revoked',
    ),
  ]
}

function verdictOf(crl: Crl, issuer: Certificate, options: SignatureOptions, verdicts: CrlVerdicts): string | undefined {
  const known = verdicts.get(crl) ?? new Map<Certificate, string | undefined>()
  verdicts.set(crl, known)
  if (!known.has(issuer)) known.set(issuer, crlProblem(crl, issuer, options))
  return known.get(issuer)
}

/**
 * Whether the list's scope (§5.2.5) includes the certificate. An indirect list, or one that is limited to some reasons, does not count
 * unless it names
 * the certificate.
 *
 * @example
 * crlCovers(crl, leaf) // → true
 */
export function crlCovers({ scope, revoked }: Crl, certificate: Certificate): boolean {
  if (!scope) return true
  const { distributionPoint, onlyUserCertificates, onlyCaCertificates, onlyAttributeCertificates, onlySomeReasons, indirect } = scope
  const ca = certificate.basicConstraints?.ca === true
  if (onlySomeReasons && !revoked.has(certificate.serialNumber)) return false
  if (onlyAttributeCertificates || indirect || (ca ? onlyUserCertificates : onlyCaCertificates)) return false
  return distributionPoint === undefined || distributionPoint.some((uri) => certificate.crlDistributionPoints?.includes(uri))
}

function keyIdFits({ authorityKeyId }: Crl, { subjectKeyId }: Certificate): boolean {
  return authorityKeyId?.keyId === undefined || subjectKeyId === undefined || authorityKeyId.keyId === subjectKeyId
}

/** By thisUpdate, then by number. */
function newestFirst(a: Crl, b: Crl): number {
  const byDate = b.thisUpdate.getTime() - a.thisUpdate.getTime()
  return byDate !== 0 ? byDate : Number((b.number ?? 0n) > (a.number ?? 0n)) - Number((b.number ?? 0n) < (a.number ?? 0n))
}
