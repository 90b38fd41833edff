/**
 * The part of a verification that is the same for every quote of a platform: its PCK certificate and the collateral for it. Its outcome can
 * be remembered while nothing in it expires.
 */
import { hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { Checks } from '@vouchsafe/checks'
import type { Check } from '@vouchsafe/checks'
import { X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { Collateral } from '../collateral/collateral.ts'
import type { EnclaveIdentity } from '../collateral/enclave-identity.ts'
import type { TcbInfo } from '../collateral/tcb-info.ts'
import type { Quote } from '../quote/quote.ts'
import { checkAllCertificates, checkChain, checkCollateralChain, datedParts, hasRole, identity, ROLE } from './chains.ts'
import type { ChainContext } from './chains.ts'
import { allCurrent } from './collateral-age.ts'
import type { Dated } from './collateral-age.ts'
import { checkReadable } from './collateral-checks.ts'
import { p256KeyOf, signedBy } from './p256.ts'
import { certificatesOfQuote, isPckCertificate, readPckExtension } from './pck-certificate.ts'
import type { PckExtension } from './pck-certificate.ts'
import { checkDocument, pickIdentity, pickTcbInfo } from './signed-documents.ts'

export interface Platform {
  checks: readonly Check[]
  /** Absent where there is no usable PCK certificate. */
  pck?: { key: KeyObject; extension: PckExtension }
  tcbInfo?: TcbInfo
  identity?: EnclaveIdentity
  /** Everything with dates that was used. */
  dated: readonly Dated[]
}

/** Verdicts on platforms whose checks all passed, by what they rest on. */
export interface PlatformCache {
  get(key: string): Platform | undefined
  set(key: string, platform: Platform): void
}

/**
 * Creates a memory of the last `limit` platforms.
 *
 * @example
 * const cache = createPlatformCache()
 * const options = { collateral, at, roots: [enclave.root], cache }
 * verifyQuote(quote, options).accepted && verifyQuote(quote, options).accepted // → true
 */
export function createPlatformCache(limit = 1000): PlatformCache {
  const entries = new Map<string, Platform>()
  return {
    get(key) {
      const found = entries.get(key)
      if (found) {
        entries.delete(key)
        entries.set(key, found)
      }
      return found
    },
    set(key, platform) {
      entries.delete(key)
      entries.set(key, platform)
      if (entries.size > limit) entries.delete(entries.keys().next().value!)
    },
  }
}

export interface PlatformInput {
  quote: Quote
  collateral: Collateral
  roots: readonly Certificate[]
  at: Date
  cache?: PlatformCache
}

/** Certificates that are tried as the PCK where a quote does not carry its own. */
const MAX_PCKS = 16

export function appraisePlatform(input: PlatformInput): Platform {
  const { quote, collateral, roots, at, cache } = input
  // Without certificates in the quote, which PCK it is depends on the quoting enclave's signature.
  if (cache === undefined || quote.certification.pem === undefined) return appraise(input)
  const key = [
    quote.tee,
    quote.certification.type,
    collateral.digest,
    ...roots.map(fingerprint),
    hash('sha256', quote.certification.data),
  ].join(' ')
  const known = cache.get(key)
  if (known && allCurrent(known.dated, at)) return known
  const platform = appraise(input)
  if (platform.checks.every(({ passed }) => passed)) cache.set(key, platform)
  return platform
}

function appraise({ quote, collateral, roots, at }: PlatformInput): Platform {
  const checks = new Checks()
  const context: ChainContext = { checks, collateral, roots, at }
  checkReadable(checks, collateral)
  const given = quoteCertificates(checks, quote, collateral)
  const leaf = findPck(quote, given, collateral)
  const extension = leaf && readExtension(checks, leaf)
  if (!leaf || !extension) {
    if (!leaf) checks.add('pck-certificate', false, { expected: 'a PCK certificate', found: 'none' })
    return { checks: checks.list, dated: [] }
  }
  const key = p256KeyOf(leaf)
  checks.add('pck-role', hasRole(leaf.subject, ROLE.pck) && hasRole(leaf.issuer, ROLE.pckCa) && key !== undefined, {
    expected: 'a PCK certificate with a P-256 key, issued by a PCK CA',
    found: `${leaf.subject.text.slice(0, 200)}, issued by ${leaf.issuer.text.slice(0, 200)}`,
  })
  const tcbInfo = pickTcbInfo(context, quote.tee, extension)
  const qeIdentity = pickIdentity(context, quote.tee)
  const signers = [tcbInfo && checkDocument(context, 'tcb-info', tcbInfo), qeIdentity && checkDocument(context, 'qe-identity', qeIdentity)]
  const paths = [
    checkChain(context, 'pck', leaf, [...given, ...collateral.certificates]),
    ...unique(signers).map((signer) => checkCollateralChain(context, 'tcb-signing', signer)),
  ]
  checkAllCertificates(context, 'quote-certificates', given, paths)
  checkAllCertificates(context, 'collateral-certificates', collateral.certificates, paths)
  return {
    checks: checks.list,
    ...(key && { pck: { key, extension } }),
    ...(tcbInfo && { tcbInfo: tcbInfo.content }),
    ...(qeIdentity && { identity: qeIdentity.content }),
    dated: [
      ...(tcbInfo ? [{ name: 'TCB info', from: tcbInfo.content.issueDate, to: tcbInfo.content.nextUpdate }] : []),
      ...(qeIdentity ? [{ name: 'QE identity', from: qeIdentity.content.issueDate, to: qeIdentity.content.nextUpdate }] : []),
      ...datedParts(paths, collateral),
    ],
  }
}

function quoteCertificates(checks: Checks, { certification }: Quote, { certificates }: Collateral): readonly Certificate[] {
  if (certification.pem === undefined) return []
  try {
    // Most of the chain stands in the collateral too, where it has been read before.
    return certificatesOfQuote(certification.pem, certificates)
  } catch (error) {
    if (!(error instanceof X509Error)) throw error
    checks.add('quote-certificates', false, { expected: 'certificates in PEM', found: error.message })
    return []
  }
}

/** The quote's own; else the one among the collateral's whose key signed the quoting enclave's report. */
function findPck(quote: Quote, given: readonly Certificate[], { certificates }: Collateral): Certificate | undefined {
  if (quote.certification.pem !== undefined) return given.find(isPckCertificate)
  const candidates = certificates.filter(isPckCertificate).slice(0, MAX_PCKS)
  if (candidates.length <= 1) return candidates[0]
  const { qeReport, qeReportSignature } = quote
  return candidates.find((certificate) => signedBy(certificate, qeReport.raw, qeReportSignature)) ?? candidates[0]
}

function readExtension(checks: Checks, leaf: Certificate): PckExtension | undefined {
  try {
    return readPckExtension(leaf)
  } catch (error) {
    if (!(error instanceof X509Error)) throw error
    checks.add('pck-certificate', false, { expected: 'a PCK certificate', found: error.message })
    return undefined
  }
}

function unique(certificates: readonly (Certificate | undefined)[]): Certificate[] {
  const present = certificates.filter((certificate) => certificate !== undefined)
  return [...new Map(present.map((certificate) => [identity(certificate), certificate])).values()]
}

function fingerprint({ der }: Certificate): string {
  return hash('sha256', der)
}
