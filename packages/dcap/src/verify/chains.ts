/** Certificate chains of an appraisal: roles by name (Intel SGX PCK Certificate and CRL Profile, section 1.3), paths, revocation. */
import { Checks } from '@vouchsafe/checks'
import type { Check } from '@vouchsafe/checks'
import { attributeOf, validateChain, verifySignature } from '@vouchsafe/x509'
import type { Certificate, ChainResult } from '@vouchsafe/x509'
import { checkRevocation } from './revocation.ts'
import type { Collateral } from '../collateral/collateral.ts'
import { allCurrent } from './collateral-age.ts'
import type { Dated } from './collateral-age.ts'
import { isP256 } from './p256.ts'

export interface ChainContext {
  checks: Checks
  collateral: Collateral
  roots: readonly Certificate[]
  at: Date
}

/** Signatures that are verified for one chain; Intel's need three. */
const MAX_SIGNATURES = 16
/** Chains remembered for one collateral, besides the newest. */
const MAX_KNOWN = 7

/** Phrases that common names contain; a certificate under the right root with another role is refused. */
export const ROLE = {
  pck: /SGX PCK Certificate/,
  pckCa: /SGX PCK (Platform|Processor) CA/,
  tcbSigning: /SGX TCB Signing/,
} as const

export function hasRole(name: Certificate['subject'], role: RegExp): boolean {
  return role.test(attributeOf(name, 'CN') ?? '')
}

/**
 * The path from a leaf to a root, revocation aside. Between them are CAs with keys on P-256, as everywhere in this PKI, so that a sender of
 * other
 * kinds of certificates, or of many, cannot decide how long verification takes.
 */
export function findPath(leaf: Certificate, candidates: readonly Certificate[], roots: readonly Certificate[], at: Date): ChainResult {
  return validateChain({
    leaf,
    candidates: candidates.filter((certificate) => certificate.basicConstraints?.ca === true && isP256(certificate)),
    anchors: roots,
    at,
    policy: { requireCrl: 'never', leafKeyUsage: ['digitalSignature'] },
    maxSignatures: MAX_SIGNATURES,
  })
}

/**
 * Validates a leaf up to a root, and that every issuer on the way has a current CRL without the certificate it issued. Adds the checks of the
 * path under `prefix`; returns the path, leaf first, where it is valid.
 */
export function checkChain(
  context: ChainContext,
  prefix: string,
  leaf: Certificate,
  candidates: readonly Certificate[],
): readonly Certificate[] {
  const { checks, roots, at } = context
  const { path = [], checks: found } = findPath(leaf, candidates, roots, at)
  for (const { name, passed, subject, expected, found: seen } of found)
    checks.add(`${prefix}-${name}`, passed, {
      subject,
      // A verdict may be used again at other times at which it holds.
      expected: name === 'validity' ? 'current' : expected,
      found: seen,
    })
  for (const [i, issuer] of path.slice(1).entries()) checkRevocation(context, prefix, path[i]!, issuer)
  return path
}

interface KnownChain {
  leaf: Certificate
  roots: readonly Certificate[]
  checks: readonly Check[]
  path: readonly Certificate[]
}

/** Chains within collateral that were found good; they stay so while nothing in them expires. */
const knownChains = new WeakMap<Collateral, KnownChain[]>()

/** `checkChain` for a certificate of the collateral, which need not be repeated for every quote. */
export function checkCollateralChain(context: ChainContext, prefix: string, leaf: Certificate): readonly Certificate[] {
  const { collateral, roots, at } = context
  const known = (knownChains.get(collateral) ?? []).filter(({ path }) => allCurrent(datedParts([path], collateral), at))
  const found = known.find((chain) => chain.leaf === leaf && sameCertificates(chain.roots, roots))
  if (found) {
    context.checks.list.push(...found.checks)
    return found.path
  }
  const checks = new Checks()
  const path = checkChain({ ...context, checks }, prefix, leaf, collateral.certificates)
  context.checks.list.push(...checks.list)
  if (checks.passed) knownChains.set(collateral, [...known.slice(-MAX_KNOWN), { leaf, roots, checks: checks.list, path }])
  return path
}

function sameCertificates(a: readonly Certificate[], b: readonly Certificate[]): boolean {
  return a.length === b.length && a.every((certificate, i) => certificate === b[i] || certificate.der.equals(b[i]!.der))
}

/** Checks about dates alone: what they are about is otherwise as it should be. */
const DATE_CHECK = /-(validity|dates)$/

export function isDateCheck({ name }: { name: string }): boolean {
  return DATE_CHECK.test(name)
}

/**
 * That every certificate that was given chains to a root, whether or not it was needed: a foreign or altered one among them means that the
 * set is not what its source issued.
 */
export function checkAllCertificates(
  { checks, roots }: ChainContext,
  name: string,
  given: readonly Certificate[],
  paths: readonly (readonly Certificate[])[],
): void {
  const proven = new Map([...roots, ...paths.flat()].map((certificate) => [identity(certificate), certificate]))
  const authorities = [...proven.values()].filter(({ basicConstraints }) => basicConstraints?.ca === true)
  const stray = given.find(
    (certificate) =>
      !proven.has(identity(certificate)) && !authorities.some((authority) => verifySignature(certificate, authority.publicKey)),
  )
  checks.add(name, stray === undefined, {
    expected: 'every certificate leads to a trusted root',
    found: stray === undefined ? 'all do' : `${stray.subject.text.slice(0, 200)} does not`,
  })
}

/** The certificates of paths, and the CRLs of their issuers, with their dates. */
export function datedParts(paths: readonly (readonly Certificate[])[], { crls }: Collateral): Dated[] {
  const certificates = new Map(paths.flat().map((certificate) => [identity(certificate), certificate]))
  const issuers = new Set(paths.flatMap((path) => path.slice(1)).map(({ subject }) => subject.canonical))
  return [
    ...[...certificates.values()].map(({ subject, notBefore, notAfter }) => ({
      name: `certificate ${attributeOf(subject, 'CN') ?? subject.text}`,
      from: notBefore,
      to: notAfter,
    })),
    ...crls
      .filter(({ issuer }) => issuers.has(issuer.canonical))
      .map(({ issuer, thisUpdate, nextUpdate = thisUpdate }) => ({
        name: `CRL of ${attributeOf(issuer, 'CN') ?? issuer.text}`,
        from: thisUpdate,
        to: nextUpdate,
      })),
  ]
}

export function identity({ der }: Certificate): string {
  return der.toString('latin1')
}
