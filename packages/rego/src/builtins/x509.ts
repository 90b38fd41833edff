/** X.509: certificates, requests, keys, chains. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readElements } from '@vouchsafe/der'
import { allocate, spend } from '../run/budget.ts'
import type { RegoObject } from '../values/collections.ts'
import { makeObject, objectGet, sortedEntries } from '../values/operations.ts'
import { toBigint } from '../values/numbers.ts'
import { keyText } from '../values/text.ts'
import { isArray, isNumber } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import type { Session } from '../run/context.ts'
import { asn1 } from './asn1.ts'
import { fromBase64, isBase64 } from './encoding.ts'
import { builtin, failure, typeFailure } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { ANY_USAGE, DEFAULT_USAGES, verifyChain } from './x509-chain.ts'
import type { ChainOptions } from './x509-chain.ts'
import { certificateFields, requestFields } from './x509-fields.ts'

type Obj = RegoObject | PlainObject

const MILLION = 1_000_000n
/** Steps that reading a certificate counts for. */
const PARSE_STEPS = 500
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g
/** Usages by the names that OPA gives them. */
const USAGES: Readonly<Record<string, string>> = {
  KeyUsageAny: ANY_USAGE,
  KeyUsageServerAuth: '1.3.6.1.5.5.7.3.1',
  KeyUsageClientAuth: '1.3.6.1.5.5.7.3.2',
  KeyUsageCodeSigning: '1.3.6.1.5.5.7.3.3',
  KeyUsageEmailProtection: '1.3.6.1.5.5.7.3.4',
  KeyUsageIPSECEndSystem: '1.3.6.1.5.5.7.3.5',
  KeyUsageIPSECTunnel: '1.3.6.1.5.5.7.3.6',
  KeyUsageIPSECUser: '1.3.6.1.5.5.7.3.7',
  KeyUsageTimeStamping: '1.3.6.1.5.5.7.3.8',
  KeyUsageOCSPSigning: '1.3.6.1.5.5.7.3.9',
}

export const x509Builtins: readonly BuiltinSpec[] = [
  builtin('crypto.x509.parse_certificates', ['string'], 'array', (text: string) => certificatesOf(text).map(certificateFields)),
  builtin('crypto.x509.parse_certificate_request', ['string'], 'object', (text: string) =>
    requestFields(pemBlocks(decoded(text)).find(({ type }) => type.endsWith('CERTIFICATE REQUEST'))?.der ?? derOf(text)),
  ),
  builtin('crypto.x509.parse_and_verify_certificates', ['string'], 'array', (text: string, session: Session) =>
    verify(text, { now: Number(session.now / MILLION), usages: DEFAULT_USAGES, dnsName: undefined }),
  ),
  builtin(
    'crypto.x509.parse_and_verify_certificates_with_options',
    ['string', 'object'],
    'array',
    (text: string, options: Obj, session: Session) => verify(text, chainOptions(options, session)),
  ),
  builtin('crypto.x509.parse_keypair', ['string', 'string'], 'object', parseKeyPair),
  builtin('crypto.x509.parse_rsa_private_key', ['string'], 'object', (text: string) => {
    const [key] = privateKeys(decoded(text))
    if (key?.asymmetricKeyType !== 'rsa') throw failure('failed to parse a PEM key')
    return jwkOf(key)
  }),
  builtin('crypto.parse_private_keys', ['string'], 'array', (text: string) => (text === '' ? null : privateKeys(decoded(text)).map(jwkOf))),
]

export interface PemBlock {
  type: string
  der: Buffer
  pem: string
}

/** The blocks of PEM text. */
export function pemBlocks(text: string): PemBlock[] {
  spend(text.length / 64)
  return [...text.matchAll(PEM)].map(([pem, type = '', body = '']) => ({ type, der: Buffer.from(body, 'base64'), pem }))
}

/** PEM text, which may be wrapped in base64. */
function decoded(text: string): string {
  if (text.includes('-----BEGIN') || !isBase64(text.trim())) return text
  return Buffer.from(text.trim(), 'base64').toString('latin1')
}

function derOf(text: string): Buffer {
  return fromBase64(text.trim())
}

/** DER of the certificates in PEM, or in base64 of PEM or of DER. Throws BuiltinError. */
function certificatesOf(text: string): Buffer[] {
  const blocks = pemBlocks(decoded(text)).filter(({ type }) => type === 'CERTIFICATE')
  const der = blocks.length > 0 ? Buffer.concat(blocks.map((block) => block.der)) : derOf(text)
  const found = asn1(() => readElements(der, 'certificates')).map(({ raw }) => raw)
  spend(found.length * PARSE_STEPS)
  allocate(der.length)
  return found
}

function parseCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw failure('x509: malformed certificate')
  }
}

/** `[true, chain]`, the leaf first, or `[false, []]`. */
function verify(text: string, options: ChainOptions): Value {
  try {
    const chain = verifyChain(certificatesOf(text).map(parseCertificate), options)
    return chain ? [true, chain.map(({ raw }) => certificateFields(raw))] : [false, []]
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    return [false, []]
  }
}

function chainOptions(options: Obj, session: Session): ChainOptions {
  const known = ['DNSName', 'CurrentTime', 'KeyUsages', 'MaxConstraintComparisons']
  for (const [key] of sortedEntries(options))
    if (typeof key !== 'string' || !known.includes(key)) throw typeFailure(`invalid key option ${keyText(key)}`)
  const [name, time, usages] = [objectGet(options, 'DNSName'), objectGet(options, 'CurrentTime'), objectGet(options, 'KeyUsages')]
  if (name !== undefined && typeof name !== 'string') throw typeFailure("'DNSName' should be a string")
  const nanoseconds = time === undefined ? session.now : isNumber(time) ? toBigint(time) : undefined
  if (nanoseconds === undefined) throw typeFailure("'CurrentTime' should be an integer number")
  if (usages !== undefined && !isArray(usages)) throw typeFailure("'KeyUsages' should be an array")
  const wanted = usages?.map((usage) => {
    const id = typeof usage === 'string' ? USAGES[usage] : undefined
    if (id === undefined) throw typeFailure(`invalid entries for 'KeyUsages': ${keyText(usage)}`)
    return id
  })
  return { now: Number(nanoseconds / MILLION), usages: wanted && wanted.length > 0 ? wanted : DEFAULT_USAGES, dnsName: name }
}

function privateKeys(text: string): KeyObject[] {
  return pemBlocks(text)
    .filter(({ type }) => type.endsWith('PRIVATE KEY'))
    .map(({ pem }) => {
      try {
        return createPrivateKey(pem)
      } catch {
        throw failure('failed to parse a PEM key')
      }
    })
}

function jwkOf(key: KeyObject): Value {
  return makeObject(Object.entries(key.export({ format: 'jwk' })).map(([name, value]) => [name, String(value)]))
}

function parseKeyPair(certificate: string, key: string): Value {
  const blocks = pemBlocks(decoded(certificate)).filter(({ type }) => type === 'CERTIFICATE')
  const [first] = blocks
  const [secret] = privateKeys(decoded(key))
  if (!first || !secret) throw failure('tls: failed to find any PEM data')
  if (!parseCertificate(first.der).checkPrivateKey(secret)) throw failure('tls: private key does not match public key')
  return makeObject([
    ['Certificate', blocks.map(({ der }) => der.toString('base64'))],
    ['PrivateKey', jwkOf(secret)],
    ['SupportedSignatureAlgorithms', null],
    ['OCSPStaple', null],
    ['SignedCertificateTimestamps', null],
    ['Leaf', certificateFields(first.der)],
  ])
}
