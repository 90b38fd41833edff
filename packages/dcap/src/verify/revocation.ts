/** CRLs of the SGX PKI: every issuer has one, and without it nothing is accepted (Intel SGX PCK Certificate and CRL Profile, chapter 2). */
import { crlCovers, crlProblem, namesEqual } from '@vouchsafe/x509'
import type { Certificate, Crl } from '@vouchsafe/x509'
import type { ChainContext } from './chains.ts'

/** Lists that are tried for one issuer. */
const MAX_LISTS = 8

/**
 * Adds `<prefix>-crl-signature`, `<prefix>-crl-dates` and `<prefix>-revocation` about one certificate: the newest list of its issuer must be
 * signed by it, with its key identifier, must be current and for such certificates, and must not name it.
 */
export function checkRevocation(
  { checks, collateral, at }: ChainContext,
  prefix: string,
  certificate: Certificate,
  issuer: Certificate,
): void {
  const subject = certificate.subject.text.slice(0, 200)
  const lists = collateral.crls
    .filter((crl) => namesEqual(crl.issuer, certificate.issuer) && crlCovers(crl, certificate))
    .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime())
    .slice(0, MAX_LISTS)
  const list = lists.find((crl) => problemOf(crl, issuer) === undefined)
  const problem = list ? undefined : lists[0] ? problemOf(lists[0], issuer) : absent()
  checks.add(`${prefix}-crl-signature`, list !== undefined, {
    subject,
    expected: `a CRL signed by ${issuer.subject.text.slice(0, 200)}`,
    found: problem ?? 'signature verifies',
  })
  if (!list) return
  const { thisUpdate, nextUpdate } = list
  checks.add(`${prefix}-crl-dates`, nextUpdate !== undefined && thisUpdate <= at && at <= nextUpdate, {
    subject,
    expected: 'current',
    found: `${thisUpdate.toISOString()} to ${nextUpdate?.toISOString() ?? 'no date'}`,
  })
  const entry = list.revoked.get(certificate.serialNumber)
  checks.add(`${prefix}-revocation`, entry === undefined, {
    subject,
    expected: 'not revoked',
    found: entry ? `revoked on ${entry.date.toISOString()}` : 'not revoked',
  })

  function absent(): string {
    return collateral.crls.length === 0 ? 'no CRL' : 'none of that issuer for such certificates'
  }
}

/** Verdicts on which key signed which list: neither changes. */
const problems = new WeakMap<Crl, WeakMap<Certificate, { problem: string | undefined }>>()

function problemOf(crl: Crl, issuer: Certificate): string | undefined {
  const known = problems.get(crl) ?? new WeakMap<Certificate, { problem: string | undefined }>()
  problems.set(crl, known)
  let verdict = known.get(issuer)
  if (!verdict) {
    const missing = crl.authorityKeyId?.keyId === undefined ? 'no authority key identifier' : undefined
    verdict = { problem: missing ?? crlProblem(crl, issuer) }
    known.set(issuer, verdict)
  }
  return verdict.problem
}
