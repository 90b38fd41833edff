/** Certificate revocation lists (RFC 5280 §5): one DER list into plain data, its entries by serial number. */
import { DerReader, readBoolean, readDer, readOctetAlignedBits, readSmallInteger, readTime, TAG } from '@vouchsafe/der'
import { parseSignatureAlgorithm } from './algorithm.ts'
import type { Signed } from './certificate.ts'
import { malformed, X509Error, x509ErrorOf } from './errors.ts'
import { decodeAuthorityKeyId, decodeCrlNumber, distributionPointUris, EXTENSION, parseExtensions } from './extensions.ts'
import type { AuthorityKeyId, Extension } from './extensions.ts'
import { parseName } from './name.ts'
import type { Name } from './name.ts'
import { serialHex } from './serial-number.ts'

const MAX_CRL_BYTES = 64 * 1024 * 1024
const MAX_ENTRIES = 1_000_000
const ENTRIES_PER_STEP = 100

/** By their numbers (§5.3.1); 7 isn't used. */
export const REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const
export type RevocationReason = Exclude<(typeof REVOCATION_REASONS)[number], undefined>

export interface RevokedEntry {
  /** As `Certificate.serialNumber`. */
  serialNumber: string
  date: Date
  reason?: RevocationReason
}

/** Which certificates the list covers (§5.2.5). */
export interface CrlScope {
  /** URIs, where the list is for one distribution point. */
  distributionPoint?: string[]
  onlyUserCertificates: boolean
  onlyCaCertificates: boolean
  onlyAttributeCertificates: boolean
  onlySomeReasons: boolean
  indirect: boolean
}

export interface Crl extends Signed {
  /** The whole list. */
  der: Buffer
  version: 1 | 2
  issuer: Name
  thisUpdate: Date
  nextUpdate?: Date
  number?: bigint
  authorityKeyId?: AuthorityKeyId
  scope?: CrlScope
  extensions: Extension[]
  /** The entries by serial number; the first one if a certificate is listed twice. */
  revoked: ReadonlyMap<string, RevokedEntry>
  /**
   * Object identifiers of critical extensions, of the list or an entry, that this package does not process: the list cannot be relied on.
   */
  unknownCritical: string[]
}

const ENFORCED: ReadonlySet<string> = new Set([EXTENSION.crlNumber, EXTENSION.authorityKeyId, EXTENSION.issuingDistributionPoint])
const ENFORCED_IN_ENTRY: ReadonlySet<string> = new Set([EXTENSION.reasonCode, EXTENSION.invalidityDate])

export interface CrlLimits {
  /** 64 MiB by default. */
  maxBytes?: number
  /** 1,000,000 by default. */
  maxEntries?: number
}

/**
 * Reads one DER list; the bytes are copied. Throws X509Error.
 *
 * @example
 * parseCrl(crl.der).revoked.get(leaf.serialNumber)?.reason // → 'keyCompromise'
 */
export function parseCrl(der: Uint8Array, limits?: CrlLimits): Crl {
  const steps = crlParser(der, limits)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/**
 * Like `parseCrl`, in steps of at most 100 entries, for a thread that must do other work in between.
 *
 * @example
 * const steps = crlParser(crl.der)
 * let step = steps.next()
 * while (!step.done) step = steps.next() // let others run between them
 * step.value.revoked.size // → 1
 */
export function* crlParser(der: Uint8Array, limits: CrlLimits = {}): Generator<undefined, Crl> {
  try {
    return yield* readCrl(der, limits)
  } catch (error) {
    throw x509ErrorOf(error)
  }
}

function* readCrl(der: Uint8Array, { maxBytes = MAX_CRL_BYTES, maxEntries = MAX_ENTRIES }: CrlLimits): Generator<undefined, Crl> {
  if (der.length > maxBytes) throw new X509Error('limit', `CRL: more than ${maxBytes} bytes`)
  const { raw, value } = readDer(Buffer.from(der), TAG.sequence, 'CRL')
  const outer = new DerReader(value, 'CRL')
  const tbs = outer.read(TAG.sequence)
  const signatureAlgorithm = parseSignatureAlgorithm(outer.read(TAG.sequence).raw, 'signatureAlgorithm')
  const signature = readOctetAlignedBits(outer.read(TAG.bitString).value, 'signature')
  outer.end()

  const reader = new DerReader(tbs.value, 'tbsCertList')
  const versionField = reader.optional(TAG.integer)
  if (versionField && readSmallInteger(versionField.value, 'version') !== 1) throw malformed('version', 'neither absent nor 2')
  if (!reader.read(TAG.sequence).raw.equals(signatureAlgorithm.raw)) throw malformed('signatureAlgorithm', 'differs inside and outside')
  const issuer = parseName(reader.read(TAG.sequence).raw, 'issuer')
  const thisUpdate = readTime(reader.read(), 'thisUpdate')
  const hasNext = reader.nextTag === TAG.utcTime || reader.nextTag === TAG.generalizedTime
  const nextUpdate = hasNext ? readTime(reader.read(), 'nextUpdate') : undefined
  const unknown = new Set<string>()
  const entries = reader.optional(TAG.sequence)
  const revoked = yield* parseEntries(entries?.value ?? Buffer.alloc(0), maxEntries, unknown)
  const wrapper = reader.optional(0xa0)
  if (wrapper && !versionField) throw malformed('version', 'extensions need version 2')
  reader.end()
  const extensions = wrapper ? parseExtensions(wrapper.value, 'crlExtensions') : []
  for (const { oid, critical } of extensions) if (critical && !ENFORCED.has(oid)) unknown.add(oid)
  // A delta CRL is not a complete list, whether or not its issuer marked it as critical.
  if (extensions.some(({ oid }) => oid === EXTENSION.deltaCrlIndicator)) unknown.add(EXTENSION.deltaCrlIndicator)
  return {
    der: raw,
    tbs: tbs.raw,
    signatureAlgorithm,
    signature,
    version: versionField ? 2 : 1,
    issuer,
    thisUpdate,
    ...(nextUpdate && { nextUpdate }),
    ...decodeExtensions(extensions),
    extensions,
    revoked,
    unknownCritical: [...unknown],
  }
}

function* parseEntries(contents: Buffer, maxEntries: number, unknown: Set<string>): Generator<undefined, Map<string, RevokedEntry>> {
  const reader = new DerReader(contents, 'revokedCertificates')
  const revoked = new Map<string, RevokedEntry>()
  for (let count = 0; reader.nextTag !== undefined; count++) {
    if (count === maxEntries) throw new X509Error('limit', `revokedCertificates: more than ${maxEntries} entries`)
    if (count % ENTRIES_PER_STEP === ENTRIES_PER_STEP - 1) yield
    const entry = reader.enter()
    const serialNumber = serialHex(entry.read(TAG.integer).value, 'revoked certificate')
    const date = readTime(entry.read(), 'revocationDate')
    const extensions = entry.nextTag === undefined ? [] : parseExtensions(entry.read(TAG.sequence).raw, 'crlEntryExtensions')
    entry.end()
    for (const { oid, critical } of extensions) if (critical && !ENFORCED_IN_ENTRY.has(oid)) unknown.add(oid)
    const reason = extensions.find(({ oid }) => oid === EXTENSION.reasonCode)
    if (!revoked.has(serialNumber)) revoked.set(serialNumber, { serialNumber, date, ...(reason && { reason: decodeReason(reason.value) }) })
  }
  return revoked
}

function decodeReason(value: Buffer): RevocationReason {
  const reason = REVOCATION_REASONS[readSmallInteger(readDer(value, TAG.enumerated, 'reasonCode').value, 'reasonCode')]
  if (!reason) throw malformed('reasonCode', 'not one of RFC 5280')
  return reason
}

function decodeExtensions(extensions: readonly Extension[]): Partial<Crl> {
  const decoded: Partial<Crl> = {}
  for (const { oid, value } of extensions) {
    if (oid === EXTENSION.crlNumber) decoded.number = decodeCrlNumber(value)
    if (oid === EXTENSION.authorityKeyId) decoded.authorityKeyId = decodeAuthorityKeyId(value)
    if (oid === EXTENSION.issuingDistributionPoint) decoded.scope = decodeScope(value)
  }
  return decoded
}

function decodeScope(value: Buffer): CrlScope {
  const field = 'issuingDistributionPoint'
  const reader = new DerReader(readDer(value, TAG.sequence, field).value, field)
  const point = reader.optional(0xa0)
  const flag = (tag: number): boolean => {
    const element = reader.optional(tag)
    return element !== undefined && readBoolean(element.value, field)
  }
  const scope = {
    ...(point && { distributionPoint: distributionPointUris(point.value, field) }),
    onlyUserCertificates: flag(0x81),
    onlyCaCertificates: flag(0x82),
    onlySomeReasons: reader.optional(0x83) !== undefined,
    indirect: flag(0x84),
    onlyAttributeCertificates: flag(0x85),
  }
  reader.end()
  return scope
}
