/** Extensions of certificates and CRLs (RFC 5280 §4.2, §5.2): the raw list, and the decoded forms of those that chains depend on. */
import { DerReader, readBitString, readBoolean, readDer, readInteger, readOid, readSmallInteger, TAG } from '@vouchsafe/der'
import { malformed, X509Error } from './errors.ts'
import { parseGeneralNames } from './general-name.ts'
import type { GeneralName } from './general-name.ts'
import { serialHex } from './serial-number.ts'

const MAX_EXTENSIONS = 64

export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** Extended key usages by OpenSSL's names, and the TCG's (TCG EK Credential Profile). */
export const EKU = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  tcgEkCertificate: '2.23.133.8.1',
  tcgAikCertificate: '2.23.133.8.3',
} as const

/** In the order of their bits (RFC 5280 §4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof KEY_USAGES)[number]

export interface Extension {
  oid: string
  critical: boolean
  /** Contents of the extension's OCTET STRING. */
  value: Buffer
}

export interface BasicConstraints {
  ca: boolean
  /** How many intermediate certificates may follow. */
  pathLength?: number
}

export interface AuthorityKeyId {
  /** Lower-case hex. */
  keyId?: string
  issuer?: GeneralName[]
  /** As `Certificate.serialNumber`. */
  serialNumber?: string
}

/** Reads SEQUENCE OF Extension. Throws X509Error for duplicates too. */
export function parseExtensions(der: Uint8Array, field: string): Extension[] {
  const reader = new DerReader(readDer(der, TAG.sequence, field).value, field)
  const extensions = new Map<string, Extension>()
  while (reader.nextTag !== undefined) {
    if (extensions.size === MAX_EXTENSIONS) throw new X509Error('limit', `${field}: more than ${MAX_EXTENSIONS} extensions`)
    const extension = parseExtension(reader.enter(), field)
    if (extensions.has(extension.oid)) throw malformed(field, `extension ${extension.oid} twice`)
    extensions.set(extension.oid, extension)
  }
  if (extensions.size === 0) throw malformed(field, 'empty list of extensions')
  return [...extensions.values()]
}

function parseExtension(reader: DerReader, field: string): Extension {
  const id = readOid(reader.read(TAG.objectIdentifier).value, field)
  // FALSE is the default, which DER leaves out; certificates that spell it out are common.
  const flag = reader.optional(TAG.boolean)
  const critical = flag !== undefined && readBoolean(flag.value, field)
  const { value } = reader.read(TAG.octetString)
  reader.end()
  return { oid: id, critical, value }
}

export function decodeBasicConstraints(value: Buffer): BasicConstraints {
  const field = 'basicConstraints'
  const reader = new DerReader(readDer(value, TAG.sequence, field).value, field)
  const flag = reader.optional(TAG.boolean)
  const length = reader.optional(TAG.integer)
  reader.end()
  const ca = flag !== undefined && readBoolean(flag.value, field)
  if (!length) return { ca }
  return { ca, pathLength: readSmallInteger(length.value, field) }
}

export function decodeKeyUsage(value: Buffer): KeyUsage[] {
  const { bits, unused } = readBitString(readDer(value, TAG.bitString, 'keyUsage').value, 'keyUsage')
  const count = 8 * bits.length - unused
  return KEY_USAGES.filter((_, bit) => bit < count && (bits[bit >> 3]! & (0x80 >> (bit & 7))) !== 0)
}

export function decodeExtendedKeyUsage(value: Buffer): string[] {
  const field = 'extendedKeyUsage'
  const reader = new DerReader(readDer(value, TAG.sequence, field).value, field)
  const usages: string[] = []
  do usages.push(readOid(reader.read(TAG.objectIdentifier).value, field))
  while (reader.nextTag !== undefined)
  return usages
}

/** Lower-case hex. */
export function decodeSubjectKeyId(value: Buffer): string {
  return readDer(value, TAG.octetString, 'subjectKeyIdentifier').value.toHex()
}

export function decodeAuthorityKeyId(value: Buffer): AuthorityKeyId {
  const field = 'authorityKeyIdentifier'
  const reader = new DerReader(readDer(value, TAG.sequence, field).value, field)
  const keyId = reader.optional(0x80)
  const issuer = reader.optional(0xa1)
  const serial = reader.optional(0x82)
  reader.end()
  return {
    ...(keyId && { keyId: keyId.value.toHex() }),
    ...(issuer && { issuer: parseGeneralNames(issuer.value, field) }),
    ...(serial && { serialNumber: serialHex(serial.value, field) }),
  }
}

export function decodeSubjectAltName(value: Buffer): GeneralName[] {
  return parseGeneralNames(readDer(value, TAG.sequence, 'subjectAltName').value, 'subjectAltName')
}

/** The URIs of all distribution points. */
export function decodeCrlDistributionPoints(value: Buffer): string[] {
  const field = 'crlDistributionPoints'
  const reader = new DerReader(readDer(value, TAG.sequence, field).value, field)
  const uris: string[] = []
  while (reader.nextTag !== undefined) {
    const point = reader.enter()
    if (point.nextTag === 0xa0) uris.push(...distributionPointUris(point.read(0xa0).value, field))
    point.optional(0x81)
    point.optional(0xa2)
    point.end()
  }
  return uris
}

/** The URIs of a DistributionPointName; of one relative to the CRL's issuer, none. */
export function distributionPointUris(contents: Buffer, field: string): string[] {
  const reader = new DerReader(contents, field)
  const fullName = reader.optional(0xa0)
  if (!fullName) reader.read(0xa1)
  reader.end()
  return fullName ? parseGeneralNames(fullName.value, field).flatMap((name) => (name.type === 'uri' ? [name.value] : [])) : []
}

/** A CRL's number, which counts upwards (RFC 5280 §5.2.3). */
export function decodeCrlNumber(value: Buffer): bigint {
  const number = readInteger(readDer(value, TAG.integer, 'crlNumber').value, 'crlNumber', 21)
  if (number < 0n) throw malformed('crlNumber', 'negative')
  return number
}
