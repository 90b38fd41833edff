/** Chains of certificates: from a leaf by intermediates to a root that is given (RFC 5280 section 6, without policies and revocation). */
import { X509Certificate } from 'node:crypto'
import { spend } from '../run/budget.ts'
import { isSound } from './sound-key.ts'
import { pathLengthOf } from './x509-fields.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const ANY_USAGE = '2.5.29.37.0'
const MAX_CHAIN = 32
/** Steps that a signature's verification counts for. */
const SIGNATURE_STEPS = 2000

export interface ChainOptions {
  /** Milliseconds since 1970. */
  now: number
  /** Extended key usages of which each certificate that restricts them must have one. */
  usages: readonly string[]
  /** A name that the leaf must have. */
  dnsName: string | undefined
}

export const DEFAULT_USAGES: readonly string[] = [SERVER_AUTH]

/** The chain from the leaf (last) over intermediates to the root (first), leaf first; undefined where there is none that is valid. */
export function verifyChain(certificates: readonly X509Certificate[], options: ChainOptions): X509Certificate[] | undefined {
  const [root, ...rest] = certificates
  const leaf = rest.pop()
  if (!root || !leaf || certificates.length > MAX_CHAIN) return undefined
  if (options.dnsName !== undefined && leaf.checkHost(options.dnsName) === undefined) return undefined
  return climb([leaf], rest, root, options)
}

function climb(
  chain: X509Certificate[],
  intermediates: readonly X509Certificate[],
  root: X509Certificate,
  options: ChainOptions,
): X509Certificate[] | undefined {
  spend(SIGNATURE_STEPS)
  const last = chain.at(-1)!
  if (!isUsable(last, options)) return undefined
  if (last.fingerprint256 === root.fingerprint256) return chain
  if (isIssuer(root, last, chain.length - 1) && isUsable(root, options)) return [...chain, root]
  for (const next of intermediates) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === next.fingerprint256) || !isIssuer(next, last, chain.length - 1)) continue
    const found = climb([...chain, next], intermediates, root, options)
    if (found) return found
  }
  return undefined
}

/** Whether `issuer` may have signed, and did; `below` counts the authorities beneath it. */
function isIssuer(issuer: X509Certificate, subject: X509Certificate, below: number): boolean {
  if (!issuer.ca || !subject.checkIssued(issuer)) return false
  const limit = pathLengthOf(issuer.raw)
  return (limit === undefined || below <= limit) && isSound(issuer.publicKey) && subject.verify(issuer.publicKey)
}

function isUsable(certificate: X509Certificate, { now, usages }: ChainOptions): boolean {
  if (now < certificate.validFromDate.getTime() || now > certificate.validToDate.getTime()) return false
  const { keyUsage: allowed } = certificate
  return (
    allowed === undefined || usages.includes(ANY_USAGE) || allowed.includes(ANY_USAGE) || usages.some((usage) => allowed.includes(usage))
  )
}
