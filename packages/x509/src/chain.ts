/**
 * Chains of certificates: RFC 5280 §6.1 without policies and name constraints (a CA that has those is refused). Candidates are searched
 * depth first; the first path on which every check passes wins, whatever other candidates there are. Depth and work are bounded,
 * whatever candidates are given.
 */
import { certificateChecks } from './certificate-checks.ts'
import type { CertificatePolicy } from './certificate-checks.ts'
import type { Certificate } from './certificate.ts'
import { check, isFailure } from './check.ts'
import type { ChainCheck } from './check.ts'
import type { Crl } from './crl.ts'
import { namesEqual } from './name.ts'
import { revocationChecks } from './revocation.ts'
import type { CrlVerdicts, RevocationPolicy } from './revocation.ts'
import { signatureProblem } from './signature.ts'

/** Certificates in a path, leaf and anchor included. */
const MAX_PATH = 8
/** Certificate signatures that are verified in one validation, unless the caller sets another limit. */
const MAX_SIGNATURES = 64

export interface ChainPolicy extends CertificatePolicy, RevocationPolicy {}

export interface ChainInput {
  leaf: Certificate
  /** Intermediate certificates that may be used; being listed here does not make them trusted. */
  candidates?: readonly Certificate[]
  /**
   * Trusted certificates. A path ends at a self-signed one, or is the leaf alone where the leaf is one of them (pinned). Others among
   * them are candidates only.
   */
  anchors: readonly Certificate[]
  /** The time at which every certificate of the path must be valid. */
  at: Date
  /** CRLs of any issuers. Each is used only if the issuer in the path signed it. */
  crls?: readonly Crl[]
  policy?: ChainPolicy
  /** The number of signatures to verify before giving up; 64 by default. */
  maxSignatures?: number
}

export interface ChainResult {
  valid: boolean
  /** From the leaf to the anchor; only where valid. */
  path?: Certificate[]
  /** The checks of the valid path, or of the one that came nearest to being valid. */
  checks: ChainCheck[]
}

interface Search extends Required<Omit<ChainInput, 'leaf' | 'candidates' | 'maxSignatures'>> {
  /** All that may issue, by canonical subject; those that can be anchors first. */
  issuers: Map<string, Certificate[]>
  anchorKeys: Set<string>
  signaturesLeft: number
  crlVerdicts: CrlVerdicts
  nearest: { checks: ChainCheck[]; rank: readonly number[] } | undefined
}

/**
 * Validates a leaf certificate. Never throws because of what certificates contain: every refusal is a failed check.
 *
 * @example
 * validateChain({ leaf, anchors: [ca], at }).valid // → true
 * const revoked = validateChain({ leaf, anchors: [ca], at, crls: [crl] })
 * revoked.checks.filter(({ passed }) => !passed).map(({ name }) => name) // → ['revocation']
 */
export function validateChain(input: ChainInput): ChainResult {
  const { leaf, candidates = [], anchors, at, crls = [], policy = {}, maxSignatures = MAX_SIGNATURES } = input
  const search: Search = {
    anchors,
    at,
    crls,
    policy,
    issuers: bySubject([...anchors, ...candidates]),
    anchorKeys: new Set(anchors.map(identity)),
    signaturesLeft: maxSignatures,
    crlVerdicts: new Map(),
    nearest: undefined,
  }
  const result = extend([leaf], search)
  if (result) return result
  const expected = `a path to a trusted certificate within ${maxSignatures} signatures`
  const exhausted = search.signaturesLeft < 0 ? [check('chain-anchor', leaf, false, expected, 'gave up')] : []
  return { valid: false, checks: [...(search.nearest?.checks ?? []), ...exhausted] }
}

/** The valid result of some path that begins so, or undefined after noting how near the failed ones came. */
function extend(path: Certificate[], search: Search): ChainResult | undefined {
  const last = path.at(-1)!
  const isAnchor = search.anchorKeys.has(identity(last)) && (path.length === 1 || isSelfSigned(last, search))
  if (isAnchor) return conclude(path, check('chain-anchor', last, true, 'a trusted certificate', 'trusted'), search)

  const tried = path.length < MAX_PATH ? issuersOf(path, search) : []
  let problem: string | undefined
  let extended = false
  for (const issuer of tried) {
    if (search.signaturesLeft-- <= 0) break
    const signature = signatureProblem(last, issuer.publicKey, search.policy)
    if (signature !== undefined) {
      problem ??= signature
      continue
    }
    extended = true
    const result = extend([...path, issuer], search)
    if (result) return result
  }
  return extended ? undefined : conclude(path, deadEnd(path, problem), search)
}

/** Why no path continues from here. */
function deadEnd(path: readonly Certificate[], signature: string | undefined): ChainCheck {
  const last = path.at(-1)!
  const issuer = last.issuer.text || 'an empty name'
  const refuse = (found: string): ChainCheck => check('chain-anchor', last, false, `a path to a trusted certificate, by ${issuer}`, found)
  if (signature !== undefined) return check('signature', last, false, `signed by ${issuer}`, signature)
  if (path.length === MAX_PATH) return refuse(`none within ${MAX_PATH} certificates`)
  return refuse(namesEqual(last.subject, last.issuer) ? 'not trusted' : 'no certificate of that issuer')
}

/** Checks a whole path. A failed one is kept if none came nearer: by reaching an anchor, then by fewer failures, then by length. */
function conclude(path: readonly Certificate[], ending: ChainCheck, search: Search): ChainResult | undefined {
  const { at, crls, policy } = search
  const checks = path.flatMap((certificate, index) => [
    ...(index > 0 ? [check('signature', path[index - 1]!, true, `signed by ${certificate.subject.text}`, 'signature verifies')] : []),
    ...certificateChecks(path, index, at, policy),
    ...revocationChecks(certificate, crlIssuers(path, index, search), crls, at, index < path.length - 1, policy, search.crlVerdicts),
  ])
  checks.push(ending)
  const failed = checks.filter(isFailure).length
  if (failed === 0) return { valid: true, path: [...path], checks }
  const rank = [ending.passed ? 1 : 0, -failed, path.length]
  const difference = rank.map((value, index) => value - (search.nearest?.rank[index] ?? -Infinity)).find((value) => value !== 0) ?? 0
  if (difference > 0) search.nearest = { checks, rank }
  return undefined
}

/** The certificates that may sign CRLs for a certificate: its issuer in the path; for the last one, the trusted CAs of that name. */
function crlIssuers(path: readonly Certificate[], index: number, { anchors }: Search): readonly Certificate[] {
  const issuer = path[index + 1]
  if (issuer) return [issuer]
  const last = path[index]!
  return anchors.filter((anchor) => anchor.basicConstraints?.ca === true && mayIssue(anchor, last))
}

/** Possible issuers of the last certificate that are not in the path; those with the requested key identifier come first. */
function issuersOf(path: readonly Certificate[], { issuers }: Search): Certificate[] {
  const last = path.at(-1)!
  const fitting = (issuers.get(last.issuer.canonical) ?? []).filter(
    (issuer) => mayIssue(issuer, last) && !path.some((other) => isSameEntity(other, issuer)),
  )
  const wanted = last.authorityKeyId?.keyId
  if (wanted === undefined) return fitting
  return [...fitting.filter((issuer) => issuer.subjectKeyId === wanted), ...fitting.filter((issuer) => issuer.subjectKeyId !== wanted)]
}

/** Names agree, and key identifiers and serial number don't contradict (§4.2.1.1). */
function mayIssue(issuer: Certificate, { issuer: name, authorityKeyId }: Certificate): boolean {
  if (!namesEqual(issuer.subject, name)) return false
  const { keyId, serialNumber } = authorityKeyId ?? {}
  if (keyId !== undefined && issuer.subjectKeyId !== undefined && keyId !== issuer.subjectKeyId) return false
  return serialNumber === undefined || serialNumber === issuer.serialNumber
}

/** The hash is no concern here: that an anchor is trusted doesn't rest on its own signature. */
function isSelfSigned(certificate: Certificate, search: Search): boolean {
  if (!namesEqual(certificate.subject, certificate.issuer) || search.signaturesLeft-- <= 0) return false
  return signatureProblem(certificate, certificate.publicKey, { ...search.policy, allowWeakHashes: true }) === undefined
}

/** Identifies a name with its key, which may occur in a path only once, in whatever certificates. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return namesEqual(a.subject, b.subject) && a.publicKey.spki.equals(b.publicKey.spki)
}

function bySubject(certificates: readonly Certificate[]): Map<string, Certificate[]> {
  const unique = new Map(certificates.map((certificate) => [identity(certificate), certificate]))
  return Map.groupBy(unique.values(), ({ subject }) => subject.canonical)
}

function identity({ der }: Certificate): string {
  return der.toString('latin1')
}
