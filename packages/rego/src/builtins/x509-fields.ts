/** Certificates and requests as Go's JSON of them, which is what policies written for OPA look into. */
import { isIPv4 } from 'node:net'
import { fromBigint } from '../values/numbers.ts'
import { makeObject } from '../values/operations.ts'
import type { Value } from '../values/value.ts'
import { bitString, children, expectTag, integer, oid, readElement, sequence, text, time } from './der.ts'
import type { Element } from './der.ts'

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

type Fields = [string, Value][]

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

function name(element: Element): Value {
  const lists = new Map<string, Value[]>()
  let [serial, common] = ['', '']
  const names = sequence(element).flatMap((set) =>
    children(expectTag(set, 0x31).body).map((attribute) => {
      const [type, value] = sequence(attribute)
      const id = oid(expectTag(type, 0x06).body)
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

function publicKey(element: Element): { algorithm: number; value: Value } {
  const [identifier, bits] = sequence(element)
  const [algorithm, parameters] = sequence(identifier)
  const key = bitString(bits)
  const id = oid(expectTag(algorithm, 0x06).body).join('.')
  const number = KEY_ALGORITHMS[id] ?? 0
  if (number === 1) {
    const [modulus, exponent] = sequence(readElement(key))
    return {
      algorithm: 1,
      value: makeObject([
        ['N', fromBigint(integer(expectTag(modulus, 0x02).body))],
        ['E', fromBigint(integer(expectTag(exponent, 0x02).body))],
      ]),
    }
  }
  if (number === 3 && key[0] === 4 && parameters) {
    const half = (key.length - 1) / 2
    const part = (from: number): Value => fromBigint(integer(Buffer.concat([Buffer.of(0), key.subarray(from, from + half)])))
    return {
      algorithm: 3,
      value: makeObject([
        ['Curve', makeObject([])],
        ['X', part(1)],
        ['Y', part(1 + half)],
      ]),
    }
  }
  return { algorithm: number, value: number === 4 ? base64(key) : null }
}

interface Extension {
  id: string
  critical: boolean
  value: Buffer
}

function extensions(list: Element[]): { parsed: Extension[]; shown: Value[] } {
  const parsed = list.map((element) => {
    const [id, second, third] = sequence(element)
    const critical = second?.tag === 0x01 && second.body[0] !== 0
    return { id: oid(expectTag(id, 0x06).body), critical, value: expectTag(third ?? second, 0x04).body }
  })
  return {
    parsed: parsed.map((each) => ({ ...each, id: each.id.join('.') })),
    shown: parsed.map(({ id, critical, value }) =>
      makeObject([
        ['Id', id],
        ['Critical', critical],
        ['Value', base64(value)],
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
  for (const { tag, body } of alternative ? sequence(readElement(alternative)) : []) {
    if (tag === 0x81) names.EmailAddresses.push(body.toString('latin1'))
    else if (tag === 0x82) names.DNSNames.push(body.toString('latin1'))
    else if (tag === 0x86) names.URIStrings.push(body.toString('utf8'))
    else if (tag === 0x87) names.IPAddresses.push(address(body))
  }
  const orNull = (items: readonly Value[]): Value => (items.length === 0 ? null : items)
  const usages = find('2.5.29.37')
  const extended = usages ? sequence(readElement(usages)).map(({ body }) => oid(body)) : []
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
    ...basicConstraints(find('2.5.29.19')),
    ['SubjectKeyId', keyId(find('2.5.29.14'), (bytes) => expectTag(readElement(bytes), 0x04).body)],
    ['AuthorityKeyId', keyId(find('2.5.29.35'), (bytes) => sequence(readElement(bytes)).find(({ tag }) => tag === 0x80)?.body)],
    ...access(find('1.3.6.1.5.5.7.1.1')),
    ['CRLDistributionPoints', orNull(distributionPoints(find('2.5.29.31')))],
    ['PolicyIdentifiers', orNull(policies(find('2.5.29.32')))],
  ]
}

function address(body: Buffer): string {
  const dotted = [...body].join('.')
  if (isIPv4(dotted)) return dotted
  const groups = body.toString('hex').match(/.{4}/g) ?? []
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
  const bits = bitString(readElement(extension))
  let usage = 0
  for (let i = 0; i < 9; i++) if ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) usage |= 1 << i
  return usage
}

function basicConstraints(extension: Buffer | undefined): Fields {
  const parts = extension ? sequence(readElement(extension)) : []
  const isAuthority = parts[0]?.tag === 0x01 && parts[0].body[0] !== 0
  const length = parts.find(({ tag }) => tag === 0x02)
  const maximum = length ? Number(integer(length.body)) : extension ? -1 : 0
  return [
    ['BasicConstraintsValid', extension !== undefined],
    ['IsCA', isAuthority],
    ['MaxPathLen', maximum],
    ['MaxPathLenZero', length !== undefined && maximum === 0],
  ]
}

function keyId(extension: Buffer | undefined, read: (bytes: Buffer) => Buffer | undefined): Value {
  const id = extension && read(extension)
  return id ? base64(id) : null
}

function access(extension: Buffer | undefined): Fields {
  const entries = extension ? sequence(readElement(extension)).map(sequence) : []
  const of = (method: string): Value => {
    const found = entries.filter(([id, place]) => id && oid(id.body).join('.') === method && place?.tag === 0x86)
    return found.length === 0 ? null : found.map(([, place]) => place!.body.toString('latin1'))
  }
  return [
    ['OCSPServer', of('1.3.6.1.5.5.7.48.1')],
    ['IssuingCertificateURL', of('1.3.6.1.5.5.7.48.2')],
  ]
}

function distributionPoints(extension: Buffer | undefined): Value[] {
  if (!extension) return []
  return sequence(readElement(extension)).flatMap((point) =>
    sequence(point)
      .filter(({ tag }) => tag === 0xa0)
      .flatMap(({ body }) => children(body))
      .filter(({ tag }) => tag === 0xa0)
      .flatMap(({ body }) => children(body))
      .filter(({ tag }) => tag === 0x86)
      .map(({ body }) => body.toString('latin1')),
  )
}

function policies(extension: Buffer | undefined): Value[] {
  if (!extension) return []
  return sequence(readElement(extension)).map((policy) => oid(expectTag(sequence(policy)[0], 0x06).body))
}

function signatureNumber(identifier: Element | undefined): number {
  const [id] = sequence(identifier)
  return SIGNATURES[oid(expectTag(id, 0x06).body).join('.')] ?? 0
}

/** A certificate's fields. Throws BuiltinError for malformed DER. */
export function certificateFields(der: Buffer): Value {
  const [body, algorithm, signature] = sequence(readElement(der))
  const parts = sequence(body)
  const hasVersion = parts[0]?.tag === 0xa0
  const version = hasVersion ? Number(integer(expectTag(children(parts[0]!.body)[0], 0x02).body)) + 1 : 1
  const [serial, , issuer, validity, subject, key, ...rest] = hasVersion ? parts.slice(1) : parts
  const [notBefore, notAfter] = sequence(validity)
  const wrapped = rest.find(({ tag }) => tag === 0xa3)
  const { parsed, shown } = extensions(wrapped ? sequence(children(wrapped.body)[0]) : [])
  const { algorithm: keyAlgorithm, value } = publicKey(expectTag(key, 0x30))
  return makeObject([
    ['Raw', base64(der)],
    ['RawTBSCertificate', base64(body!.raw)],
    ['RawSubjectPublicKeyInfo', base64(key!.raw)],
    ['RawSubject', base64(expectTag(subject, 0x30).raw)],
    ['RawIssuer', base64(expectTag(issuer, 0x30).raw)],
    ['Signature', base64(bitString(signature))],
    ['SignatureAlgorithm', signatureNumber(algorithm)],
    ['PublicKeyAlgorithm', keyAlgorithm],
    ['PublicKey', value],
    ['Version', version],
    ['SerialNumber', fromBigint(integer(expectTag(serial, 0x02).body))],
    ['Issuer', name(issuer!)],
    ['Subject', name(subject!)],
    ['NotBefore', time(notBefore!)],
    ['NotAfter', time(notAfter!)],
    ['Extensions', shown.length === 0 ? null : shown],
    ['ExtraExtensions', null],
    ['UnhandledCriticalExtensions', null],
    ...extensionFields(parsed),
  ])
}

/** A certificate request's fields. Throws BuiltinError for malformed DER. */
export function requestFields(der: Buffer): Value {
  const [body, algorithm, signature] = sequence(readElement(der))
  const [version, subject, key, attributes] = sequence(body)
  const requested = attributes ? children(attributes.body).map(sequence) : []
  const extension = requested.find(([id]) => id && oid(id.body).join('.') === '1.2.840.113549.1.9.14')
  const { parsed, shown } = extensions(extension ? sequence(children(expectTag(extension[1], 0x31).body)[0]) : [])
  const { algorithm: keyAlgorithm, value } = publicKey(expectTag(key, 0x30))
  const kept = ['DNSNames', 'EmailAddresses', 'IPAddresses', 'URIs']
  return makeObject([
    ['Raw', base64(der)],
    ['RawTBSCertificateRequest', base64(body!.raw)],
    ['RawSubjectPublicKeyInfo', base64(key!.raw)],
    ['RawSubject', base64(expectTag(subject, 0x30).raw)],
    ['Version', Number(integer(expectTag(version, 0x02).body))],
    ['Signature', base64(bitString(signature))],
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
