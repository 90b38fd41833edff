/** What RFC 5280 §6.1.3 to §6.1.5 requires of each certificate in a path, except policies and revocation. */
import type { Certificate } from './certificate.ts'
import { check } from './check.ts'
import type { ChainCheck } from './check.ts'
import { EKU, EXTENSION } from './extensions.ts'
import type { KeyUsage } from './extensions.ts'
import { namesEqual } from './name.ts'

export interface CertificatePolicy {
  /** Usages that the leaf must have, if it has the extension at all. */
  leafKeyUsage?: readonly KeyUsage[]
  /** The leaf must have that extension. */
  demandLeafKeyUsage?: boolean
  /** Usages that the leaf must not list. */
  refusedLeafKeyUsage?: readonly KeyUsage[]
  /** Object identifiers of which the leaf, and each CA, must have one, if it has the extension at all. In a CA, `any` is accepted too. */
  leafExtendedKeyUsage?: readonly string[]
  /** The leaf must have that extension. */
  demandLeafExtendedKeyUsage?: boolean
  /** Whether the leaf may be a CA; refused by default. */
  allowCaLeaf?: boolean
  /** Critical extensions that the caller enforces itself, by object identifier. */
  handledExtensions?: readonly string[]
  /** Shortest modulus of an RSA key; 2048 by default. */
  minRsaBits?: number
}

const MIN_RSA_BITS = 2048
const MIN_EC_BITS = 224

/** Checks of the certificate at `index` of a path from the leaf (0) to the anchor. */
export function certificateChecks(path: readonly Certificate[], index: number, at: Date, policy: CertificatePolicy): ChainCheck[] {
  const certificate = path[index]!
  return [
    validity(certificate, at),
    keyStrength(certificate, policy),
    criticalExtensions(certificate, policy),
    ...(index === 0 ? leafChecks(certificate, policy) : authorityChecks(path, index, policy)),
  ]
}

function validity(certificate: Certificate, at: Date): ChainCheck {
  const { notBefore, notAfter } = certificate
  const valid = notBefore <= at && at <= notAfter
  return check('validity', certificate, valid, `valid at ${at.toISOString()}`, `${notBefore.toISOString()} to ${notAfter.toISOString()}`)
}

function keyStrength(certificate: Certificate, { minRsaBits = MIN_RSA_BITS }: CertificatePolicy): ChainCheck {
  const { kind, bits, curve } = certificate.publicKey
  const found = `${kind} ${curve ?? bits ?? ''}`.trim()
  const expected = `RSA of at least ${minRsaBits} bits, a named curve of at least ${MIN_EC_BITS}, Ed25519, Ed448 or SM2`
  const rsa = kind === 'rsa' || kind === 'rsa-pss' || kind === 'rsa-oaep'
  const strong = rsa ? bits! >= minRsaBits : kind === 'ec' ? (bits ?? 0) >= MIN_EC_BITS : kind !== 'unknown'
  return check('key-strength', certificate, strong, expected, found)
}

function criticalExtensions(certificate: Certificate, { handledExtensions = [] }: CertificatePolicy): ChainCheck {
  const unknown = certificate.unknownCritical.filter((oid) => !handledExtensions.includes(oid))
  return check('critical-extensions', certificate, unknown.length === 0, 'none that is unknown', unknown.join(', ') || 'none')
}

function leafChecks(leaf: Certificate, policy: CertificatePolicy): ChainCheck[] {
  const { leafKeyUsage, demandLeafKeyUsage = false, refusedLeafKeyUsage = [], allowCaLeaf = false } = policy
  const { leafExtendedKeyUsage, demandLeafExtendedKeyUsage = false } = policy
  const checks: ChainCheck[] = []
  if (!allowCaLeaf)
    checks.push(
      check('basic-constraints', leaf, leaf.basicConstraints?.ca !== true, 'not a CA', leaf.basicConstraints?.ca ? 'CA' : 'not a CA'),
    )
  if (leafKeyUsage) {
    const { keyUsage } = leaf
    const fits = keyUsage
      ? leafKeyUsage.every((usage) => keyUsage.includes(usage)) && !refusedLeafKeyUsage.some((usage) => keyUsage.includes(usage))
      : !demandLeafKeyUsage
    const refused = refusedLeafKeyUsage.length === 0 ? '' : ` without ${refusedLeafKeyUsage.join(', ')}`
    checks.push(check('key-usage', leaf, fits, `${leafKeyUsage.join(', ')}${refused}${orFree(demandLeafKeyUsage)}`, shown(keyUsage)))
  }
  if (leafExtendedKeyUsage) {
    const usages = leaf.extendedKeyUsage
    const fits = usages ? leafExtendedKeyUsage.some((usage) => usages.includes(usage)) : !demandLeafExtendedKeyUsage
    checks.push(extendedKeyUsage(leaf, fits, leafExtendedKeyUsage, demandLeafExtendedKeyUsage))
  }
  return checks
}

function authorityChecks(path: readonly Certificate[], index: number, { leafExtendedKeyUsage }: CertificatePolicy): ChainCheck[] {
  const authority = path[index]!
  const { basicConstraints, keyUsage } = authority
  const below = path.slice(1, index).filter((certificate) => !isSelfIssued(certificate)).length
  const limit = basicConstraints?.pathLength
  const constrained = authority.extensions.some(({ oid }) => oid === EXTENSION.nameConstraints)
  const checks = [
    check('basic-constraints', authority, basicConstraints?.ca === true, 'CA', basicConstraints?.ca ? 'CA' : 'not a CA'),
    check('path-length', authority, limit === undefined || below <= limit, `at most ${limit ?? 'any number of'} CAs below`, `${below}`),
    check(
      'key-usage',
      authority,
      keyUsage === undefined || keyUsage.includes('keyCertSign'),
      'keyCertSign, or no restriction',
      shown(keyUsage),
    ),
    // Ignoring them would accept names that the CA may not vouch for.
    check('name-constraints', authority, !constrained, 'none: they are not supported', constrained ? 'present' : 'none'),
  ]
  if (!leafExtendedKeyUsage) return checks
  const usages = authority.extendedKeyUsage
  const fits = usages === undefined || usages.includes(EKU.any) || leafExtendedKeyUsage.some((usage) => usages.includes(usage))
  return [...checks, extendedKeyUsage(authority, fits, leafExtendedKeyUsage)]
}

function extendedKeyUsage(certificate: Certificate, fits: boolean, wanted: readonly string[], demanded = false): ChainCheck {
  const expected = `one of ${wanted.join(', ')}${orFree(demanded)}`
  return check('extended-key-usage', certificate, fits, expected, shown(certificate.extendedKeyUsage))
}

function orFree(demanded: boolean): string {
  return demanded ? '' : ', or no restriction'
}

/** Such a certificate, which an authority makes when it changes its key, doesn't count towards a path length (§6.1.4 (l)). */
function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return namesEqual(subject, issuer)
}

function shown(usages: readonly string[] | undefined): string {
  return usages === undefined ? 'no restriction' : usages.join(', ') || 'none'
}
