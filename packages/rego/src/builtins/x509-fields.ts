/** Certificates and requests as Go's JSON of them, which is what policies written for OPA look into. */
import { isIPv4 } from 'node:net'
import { readBitString, readBoolean, readDer, readTime, TAG } from '@vouchsafe/der'
import type { DerElement } from '@vouchsafe/der'
import { fromBigint } from '../values/numbers.ts'
import { makeObject } from '../values/operations.ts'
import type { Value } from '../values/value.ts'
import { asn1, children, expectTag, integer, oidNumbers, sequence, sequenceIn, text } from './asn1.ts'

/** Go's numbers of signature algorithms, by identifier. */
const SIGNATURES: Readonly<Record<string, number>> = {
  '1.2.840.113549.1.1.2': 1,
  '1.2.840.113549.1.1.4': 2,
  '1.2.840.113549.1.1.5': 3,
  '1.2.840.113549.1.1.11': 4,
  '1.2.840.113549.1.1.12': 5,
  '1.2.840.113549.1.1.13': 6,
  '1.2.840.10040.4.3': 7,
  '2.16.840.1.101.3.4.3.2': 8,
  '1.2.840.10045.4.1': 9,
  '1.2.840.10045.4.3.2': 10,
  '1.2.840.10045.4.3.3': 11,
  '1.2.840.10045.4.3.4': 12,
  '1.2.840.113549.1.1.10': 13,
  '1.3.101.112': 16,
}
const KEY_ALGORITHMS: Readonly<Record<string, number>> = {
  '1.2.840.113549.1.1.1': 1,
  '1.2.840.10040.4.1': 2,
  '1.2.840.10045.2.1': 3,
  '1.3.101.112': 4,
}
/** Go's numbers of extended key usages. */
const EXTENDED_USAGES: readonly string[] = ['2.5.29.37.0', ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((last) => `1.3.6.1.5.5.7.3.${last}`)]
/** Attributes of names. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.6': 'Country',
  '2.5.4.10': 'Organization',
  '2.5.4.11': 'OrganizationalUnit',
  '2.5.4.7': 'Locality',
  '2.5.4.8': 'Province',
  '2.5.4.9': 'StreetAddress',
  '2.5.4.17': 'PostalCode',
}

const BASIC_CONSTRAINTS = '2.5.29.19'
/** The tag of a certificate's extensions. */
const EXTENSIONS = 0xa3

type Fields = [string, Value][]

function name(element: DerElement): Value {
  const lists = new Map<string, Value[]>()
  let [serial, common] = ['', '']
  const names = sequence(element).flatMap((set) =>
    children(expectTag(set, TAG.set)).map((attribute) => {
      const [type, value] = sequence(attribute)
      const id = oidOf(type)
      const shown = value ? text(value) : ''
      const key = id.join('.')
      if (key === '2.5.4.3') common = shown
      else if (key === '2.5.4.5') serial = shown
      else if (ATTRIBUTES[key] !== undefined) lists.set(ATTRIBUTES[key], [...(lists.get(ATTRIBUTES[key]) ?? []), shown])
      return makeObject([
        ['Type', id],
        ['Value', shown],
      ])
    }),
  )
  return makeObject([
    ...Object.values(ATTRIBUTES).map((field): [string, Value] => [field, lists.get(field) ?? null]),
    ['SerialNumber', serial],
    ['CommonName', common],
    ['Names', names],
    ['ExtraNames', null],
  ])
}

function publicKey(element: DerElement): { algorithm: number; value: Value } {
  const [identifier, bits] = sequence(element)
  const [algorithm, parameters] = sequence(identifier)
  const key = bitsOf(bits)
  const id = oidOf(algorithm).join('.')
  const number = KEY_ALGORITHMS[id] ?? 0
  if (number === 1) {
    const [modulus, exponent] = sequenceIn(key)
    return {
      algorithm: 1,
      value: makeObject([
        ['N', fromBigint(integer(modulus))],
        ['E', fromBigint(integer(exponent))],
      ]),
    }
  }
  if (number === 3 && key[0] === 4 && parameters) {
    const half = (key.length - 1) / 2
    const part = (from: number): Value => fromBigint(BigInt(`0x0${key.subarray(from, from + half).toHex()}`))
    return {
      algorithm: 3,
      value: makeObject([
        ['Curve', makeObject([])],
        ['X', part(1)],
        ['Y', part(1 + half)],
      ]),
    }
  }
  return { algorithm: number, value: number === 4 ? key.toBase64() : null }
}

interface Extension {
  id: string
  critical: boolean
  value: Buffer
}

function extensions(list: DerElement[]): { parsed: Extension[]; shown: Value[] } {
  const parsed = list.map((element) => {
    const [id, second, third] = sequence(element)
    const critical = second?.tag === TAG.boolean && readBoolean(second.value, 'critical')
    return { id: oidOf(id), critical, value: expectTag(third ?? second, TAG.octetString).value }
  })
  return {
    parsed: parsed.map((each) => ({ ...each, id: each.id.join('.') })),
    shown: parsed.map(({ id, critical, value }) =>
      makeObject([
        ['Id', id],
        ['Critical', critical],
        ['Value', value.toBase64()],
      ]),
    ),
  }
}

/** What the extensions say of names, usage and authority. */
function extensionFields(list: readonly Extension[]): Fields {
  const find = (id: string): Buffer | undefined => list.find((each) => each.id === id)?.value
  const names: Record<'DNSNames' | 'EmailAddresses' | 'IPAddresses' | 'URIStrings', Value[]> = {
    DNSNames: [],
    EmailAddresses: [],
    IPAddresses: [],
    URIStrings: [],
  }
  const alternative = find('2.5.29.17')
  for (const { tag, value } of alternative ? sequenceIn(alternative) : []) {
    if (tag === 0x81) names.EmailAddresses.push(value.toString('latin1'))
    else if (tag === 0x82) names.DNSNames.push(value.toString('latin1'))
    else if (tag === 0x86) names.URIStrings.push(value.toString('utf8'))
    else if (tag === 0x87) names.IPAddresses.push(address(value))
  }
  const orNull = (items: readonly Value[]): Value => (items.length === 0 ? null : items)
  const usages = find('2.5.29.37')
  const extended = usages ? sequenceIn(usages).map(({ value }) => oidNumbers(value)) : []
  const known = extended.map((id) => EXTENDED_USAGES.indexOf(id.join('.')))
  return [
    ['DNSNames', orNull(names.DNSNames)],
    ['EmailAddresses', orNull(names.EmailAddresses)],
    ['IPAddresses', orNull(names.IPAddresses)],
    ['URIStrings', orNull(names.URIStrings)],
    ['URIs', orNull(names.URIStrings.map((uri) => urlFields(String(uri))))],
    ['KeyUsage', keyUsage(find('2.5.29.15'))],
    ['ExtKeyUsage', orNull(known.filter((number) => number >= 0))],
    ['UnknownExtKeyUsage', orNull(extended.filter((_, i) => known[i]! < 0))],
    ...basicConstraints(find(BASIC_CONSTRAINTS)),
    ['SubjectKeyId', keyId(find('2.5.29.14'), (bytes) => readDer(bytes, TAG.octetString, 'key identifier').value)],
    ['AuthorityKeyId', keyId(find('2.5.29.35'), (bytes) => sequenceIn(bytes).find(({ tag }) => tag === 0x80)?.value)],
    ...access(find('1.3.6.1.5.5.7.1.1')),
    ['CRLDistributionPoints', orNull(distributionPoints(find('2.5.29.31')))],
    ['PolicyIdentifiers', orNull(policies(find('2.5.29.32')))],
  ]
}

function address(bytes: Buffer): string {
  const dotted = bytes.join('.')
  if (isIPv4(dotted)) return dotted
  const groups = bytes.toHex().match(/.{4}/g) ?? []
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function urlFields(uri: string): Value {
  const [, scheme = '', host = '', path = ''] = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)/i.exec(uri) ?? []
  return makeObject([
    ['Scheme', scheme],
    ['Host', host],
    ['Path', path],
  ])
}

function keyUsage(extension: Buffer | undefined): number {
  if (!extension) return 0
  const { bits } = readBitString(readDer(extension, TAG.bitString, 'key usage').value, 'key usage')
  let usage = 0
  for (let i = 0; i < 9; i++) if ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) usage |= 1 << i
  return usage
}

function basicConstraints(extension: Buffer | undefined): Fields {
  const parts = extension ? sequenceIn(extension) : []
  const isAuthority = parts[0]?.tag === TAG.boolean && readBoolean(parts[0].value, 'CA')
  const length = parts.find(({ tag }) => tag === TAG.integer)
  const maximum = length ? Number(integer(length)) : extension ? -1 : 0
  return [
    ['BasicConstraintsValid', extension !== undefined],
    ['IsCA', isAuthority],
    ['MaxPathLen', maximum],
    ['MaxPathLenZero', length !== undefined && maximum === 0],
  ]
}

function keyId(extension: Buffer | undefined, read: (bytes: Buffer) => Buffer | undefined): Value {
  const id = extension && read(extension)
  return id ? id.toBase64() : null
}

function access(extension: Buffer | undefined): Fields {
  const entries = extension ? sequenceIn(extension).map(sequence) : []
  const of = (method: string): Value => {
    const found = entries.filter(([id, place]) => id && oidNumbers(id.value).join('.') === method && place?.tag === 0x86)
    return found.length === 0 ? null : found.map(([, place]) => place!.value.toString('latin1'))
  }
  return [
    ['OCSPServer', of('1.3.6.1.5.5.7.48.1')],
    ['IssuingCertificateURL', of('1.3.6.1.5.5.7.48.2')],
  ]
}

function distributionPoints(extension: Buffer | undefined): Value[] {
  if (!extension) return []
  return sequenceIn(extension).flatMap((point) =>
    sequence(point)
      .filter(({ tag }) => tag === 0xa0)
      .flatMap(children)
      .filter(({ tag }) => tag === 0xa0)
      .flatMap(children)
      .filter(({ tag }) => tag === 0x86)
      .map(({ value }) => value.toString('latin1')),
  )
}

function policies(extension: Buffer | undefined): Value[] {
  if (!extension) return []
  return sequenceIn(extension).map((policy) => oidOf(sequence(policy)[0]))
}

function oidOf(element: DerElement | undefined): number[] {
  return oidNumbers(expectTag(element, TAG.objectIdentifier).value)
}

/** The whole bytes of a BIT STRING, with zeros for bits that don't count. */
function bitsOf(element: DerElement | undefined): Buffer {
  return readBitString(expectTag(element, TAG.bitString).value, 'bits').bits
}

/** RFC 3339 of a UTCTime or GeneralizedTime. */
function time(element: DerElement | undefined): string {
  const date = readTime(expectTag(element, element?.tag === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime), 'time')
  return date.toISOString().replace('.000Z', 'Z')
}

function signatureNumber(identifier: DerElement | undefined): number {
  const [id] = sequence(identifier)
  return SIGNATURES[oidOf(id).join('.')] ?? 0
}

/** How many authorities may stand below a certificate's; undefined where it doesn't say. Throws BuiltinError for malformed DER. */
export function pathLengthOf(der: Buffer): number | undefined {
  return asn1(() => {
    const wrapped = sequence(sequenceIn(der)[0]).find(({ tag }) => tag === EXTENSIONS)
    const { parsed } = extensions(wrapped ? sequence(children(wrapped)[0]) : [])
    const constraints = parsed.find(({ id }) => id === BASIC_CONSTRAINTS)
    const length = constraints && sequenceIn(constraints.value).find(({ tag }) => tag === TAG.integer)
    return length && Number(integer(length))
  })
}

/** A certificate's fields. Throws BuiltinError for malformed DER. */
export function certificateFields(der: Buffer): Value {
  return asn1(() => fieldsOfCertificate(der))
}

function fieldsOfCertificate(der: Buffer): Value {
  const [body, algorithm, signature] = sequenceIn(der)
  const parts = sequence(body)
  const hasVersion = parts[0]?.tag === 0xa0
  const version = hasVersion ? Number(integer(children(parts[0]!)[0])) + 1 : 1
  const [serial, , issuer, validity, subject, key, ...rest] = hasVersion ? parts.slice(1) : parts
  const [notBefore, notAfter] = sequence(validity)
  const wrapped = rest.find(({ tag }) => tag === EXTENSIONS)
  const { parsed, shown } = extensions(wrapped ? sequence(children(wrapped)[0]) : [])
  const { algorithm: keyAlgorithm, value } = publicKey(expectTag(key, TAG.sequence))
  return makeObject([
    ['Raw', der.toBase64()],
    ['RawTBSCertificate', body!.raw.toBase64()],
    ['RawSubjectPublicKeyInfo', key!.raw.toBase64()],
    ['RawSubject', expectTag(subject, TAG.sequence).raw.toBase64()],
    ['RawIssuer', expectTag(issuer, TAG.sequence).raw.toBase64()],
    ['Signature', bitsOf(signature).toBase64()],
    ['SignatureAlgorithm', signatureNumber(algorithm)],
    ['PublicKeyAlgorithm', keyAlgorithm],
    ['PublicKey', value],
    ['Version', version],
    ['SerialNumber', fromBigint(integer(serial))],
    ['Issuer', name(issuer!)],
    ['Subject', name(subject!)],
    ['NotBefore', time(notBefore)],
    ['NotAfter', time(notAfter)],
    ['Extensions', shown.length === 0 ? null : shown],
    ['ExtraExtensions', null],
    ['UnhandledCriticalExtensions', null],
    ...extensionFields(parsed),
  ])
}

/** A certificate request's fields. Throws BuiltinError for malformed DER. */
export function requestFields(der: Buffer): Value {
  return asn1(() => fieldsOfRequest(der))
}

function fieldsOfRequest(der: Buffer): Value {
  const [body, algorithm, signature] = sequenceIn(der)
  const [version, subject, key, attributes] = sequence(body)
  const requested = attributes ? children(attributes).map(sequence) : []
  const extension = requested.find(([id]) => id && oidNumbers(id.value).join('.') === '1.2.840.113549.1.9.14')
  const { parsed, shown } = extensions(extension ? sequence(children(expectTag(extension[1], TAG.set))[0]) : [])
  const { algorithm: keyAlgorithm, value } = publicKey(expectTag(key, TAG.sequence))
  const kept = ['DNSNames', 'EmailAddresses', 'IPAddresses', 'URIs']
  return makeObject([
    ['Raw', der.toBase64()],
    ['RawTBSCertificateRequest', body!.raw.toBase64()],
    ['RawSubjectPublicKeyInfo', key!.raw.toBase64()],
    ['RawSubject', expectTag(subject, TAG.sequence).raw.toBase64()],
    ['Version', Number(integer(version))],
    ['Signature', bitsOf(signature).toBase64()],
    ['SignatureAlgorithm', signatureNumber(algorithm)],
    ['PublicKeyAlgorithm', keyAlgorithm],
    ['PublicKey', value],
    ['Subject', name(subject!)],
    ['Attributes', null],
    ['Extensions', shown.length === 0 ? null : shown],
    ['ExtraExtensions', null],
    ...extensionFields(parsed).filter(([field]) => kept.includes(field)),
  ])
}
