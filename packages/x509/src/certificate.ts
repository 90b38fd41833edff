/**
 * Certificates (RFC 5280 §4): one DER certificate into plain data, which can be cached and cloned to workers. Reading says nothing about
 * trust: see chain.ts.
 */
import type { KeyObject } from 'node:crypto'
import { DerReader, readBitString, readDer, readOctetAlignedBits, readSmallInteger, readTime, TAG } from '@vouchsafe/der'
import { parseSignatureAlgorithm } from './algorithm.ts'
import type { SignatureAlgorithm } from './algorithm.ts'
import { malformed, withX509Errors, X509Error } from './errors.ts'
import {
  decodeAuthorityKeyId,
  decodeBasicConstraints,
  decodeCrlDistributionPoints,
  decodeExtendedKeyUsage,
  decodeKeyUsage,
  decodeSubjectAltName,
  decodeSubjectKeyId,
  EXTENSION,
  parseExtensions,
} from './extensions.ts'
import type { AuthorityKeyId, BasicConstraints, Extension, KeyUsage } from './extensions.ts'
import type { GeneralName } from './general-name.ts'
import { parseName } from './name.ts'
import type { Name } from './name.ts'
import { importPublicKey, parsePublicKeyInfo } from './public-key.ts'
import type { PublicKeyInfo } from './public-key.ts'
import { serialHex } from './serial-number.ts'

const MAX_CERTIFICATE_BYTES = 64 * 1024

/** What is signed, and how. */
export interface Signed {
  /** The signed DER: TBSCertificate or TBSCertList. */
  tbs: Buffer
  signatureAlgorithm: SignatureAlgorithm
  signature: Buffer
}

export interface Certificate extends Signed {
  /** The whole certificate. */
  der: Buffer
  version: 1 | 2 | 3
  /** Lower-case hex of whole bytes without a leading zero byte; `0` for zero. */
  serialNumber: string
  issuer: Name
  subject: Name
  notBefore: Date
  notAfter: Date
  publicKey: PublicKeyInfo
  /** In the order of the encoding; empty for versions 1 and 2. */
  extensions: Extension[]
  basicConstraints?: BasicConstraints
  keyUsage?: KeyUsage[]
  /** Object identifiers; see `EKU`. */
  extendedKeyUsage?: string[]
  /** Lower-case hex. */
  subjectKeyId?: string
  authorityKeyId?: AuthorityKeyId
  subjectAltName?: GeneralName[]
  /** URIs. */
  crlDistributionPoints?: string[]
  /** Object identifiers of critical extensions that this package does not enforce. */
  unknownCritical: string[]
}

/**
 * Critical extensions that are enforced, or that have no effect as long as no policy is required. Name constraints have a check of their
 * own.
 */
const ENFORCED: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.subjectKeyId,
  EXTENSION.authorityKeyId,
  EXTENSION.crlDistributionPoints,
  EXTENSION.certificatePolicies,
  EXTENSION.nameConstraints,
])

/**
 * Reads one DER certificate of at most 64 KiB; the bytes are copied. Refuses what isn't DER, versions that don't fit their fields,
 * extensions that come twice and an algorithm that differs inside and outside (§4.1.1.2). Throws X509Error.
 *
 * @example
 * parseCertificate(leaf.der).subject.text // → 'CN=host-7'
 * parseCertificate(Buffer.concat([leaf.der, Buffer.of(0)])) // throws X509Error
 */
export function parseCertificate(der: Uint8Array): Certificate {
  return withX509Errors(() => readCertificate(der))
}

function readCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) throw new X509Error('limit', `certificate: more than ${MAX_CERTIFICATE_BYTES} bytes`)
  const { raw, value } = readDer(Buffer.from(der), TAG.sequence, 'certificate')
  const outer = new DerReader(value, 'certificate')
  const tbs = outer.read(TAG.sequence)
  const signatureAlgorithm = parseSignatureAlgorithm(outer.read(TAG.sequence).raw, 'signatureAlgorithm')
  const signature = readOctetAlignedBits(outer.read(TAG.bitString).value, 'signature')
  outer.end()

  const reader = new DerReader(tbs.value, 'tbsCertificate')
  const version = readVersion(reader)
  const serialNumber = serialHex(reader.read(TAG.integer).value, 'serialNumber')
  if (!reader.read(TAG.sequence).raw.equals(signatureAlgorithm.raw)) throw malformed('signatureAlgorithm', 'differs inside and outside')
  const issuer = parseName(reader.read(TAG.sequence).raw, 'issuer')
  const validity = reader.enter(TAG.sequence, 'validity')
  const notBefore = readTime(validity.read(), 'notBefore')
  const notAfter = readTime(validity.read(), 'notAfter')
  validity.end()
  const subject = parseName(reader.read(TAG.sequence).raw, 'subject')
  const publicKey = parsePublicKeyInfo(reader.read(TAG.sequence).raw, 'subjectPublicKeyInfo')
  const uniqueIds = [reader.optional(0x81), reader.optional(0x82)]
  for (const uniqueId of uniqueIds) if (uniqueId) readBitString(uniqueId.value, 'unique identifier')
  if (version === 1 && uniqueIds.some(Boolean)) throw malformed('version', 'unique identifiers need version 2')
  const wrapper = reader.optional(0xa3)
  if (wrapper && version !== 3) throw malformed('version', 'extensions need version 3')
  reader.end()
  const extensions = wrapper ? parseExtensions(wrapper.value, 'extensions') : []
  return {
    der: raw,
    tbs: tbs.raw,
    signatureAlgorithm,
    signature,
    version,
    serialNumber,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions,
    ...decodeExtensions(extensions),
    unknownCritical: extensions.filter(({ oid, critical }) => critical && !ENFORCED.has(oid)).map(({ oid }) => oid),
  }
}

const keys = new WeakMap<Certificate, KeyObject>()

/**
 * Returns the certificate's key, which is imported once. Throws X509Error (`unsupported`).
 *
 * @example
 * publicKeyOf(leaf).equals(publicKey) // → true
 */
export function publicKeyOf(certificate: Certificate): KeyObject {
  const key = keys.get(certificate) ?? importPublicKey(certificate.publicKey)
  keys.set(certificate, key)
  return key
}

/**
 * Returns the contents of an extension; undefined if the certificate does not have it.
 *
 * @example
 * extensionOf(leaf, EXTENSION.keyUsage)?.critical // → true
 */
export function extensionOf(holder: { extensions: readonly Extension[] }, oid: string): Extension | undefined {
  return holder.extensions.find((extension) => extension.oid === oid)
}

function readVersion(reader: DerReader): 1 | 2 | 3 {
  if (reader.nextTag !== 0xa0) return 1
  const wrapper = reader.enter(0xa0, 'version')
  const number = readSmallInteger(wrapper.read(TAG.integer).value, 'version')
  wrapper.end()
  // Version 1 is the default, which DER leaves out; some issuers spell it out.
  if (number > 2) throw malformed('version', 'neither 1, 2 nor 3')
  return (number + 1) as 1 | 2 | 3
}

const DECODERS = [
  [EXTENSION.basicConstraints, (value: Buffer) => ({ basicConstraints: decodeBasicConstraints(value) })],
  [EXTENSION.keyUsage, (value: Buffer) => ({ keyUsage: decodeKeyUsage(value) })],
  [EXTENSION.extendedKeyUsage, (value: Buffer) => ({ extendedKeyUsage: decodeExtendedKeyUsage(value) })],
  [EXTENSION.subjectKeyId, (value: Buffer) => ({ subjectKeyId: decodeSubjectKeyId(value) })],
  [EXTENSION.authorityKeyId, (value: Buffer) => ({ authorityKeyId: decodeAuthorityKeyId(value) })],
  [EXTENSION.subjectAltName, (value: Buffer) => ({ subjectAltName: decodeSubjectAltName(value) })],
  [EXTENSION.crlDistributionPoints, (value: Buffer) => ({ crlDistributionPoints: decodeCrlDistributionPoints(value) })],
] as const

function decodeExtensions(extensions: readonly Extension[]): Partial<Certificate> {
  const decoders = new Map<string, (value: Buffer) => Partial<Certificate>>(DECODERS)
  return Object.assign({}, ...extensions.map(({ oid, value }) => decoders.get(oid)?.(value)))
}
