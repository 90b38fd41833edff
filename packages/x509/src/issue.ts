/** Issuing certificates and CRLs (RFC 5280 §4, §5). Signing runs on Node's thread pool. */
import { constants, generateKeyPair, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { TAG } from '@vouchsafe/der'
import { bitString, encodeDer, explicit, integer, sequence, time } from '@vouchsafe/der/writer'
import { encodeSignatureAlgorithm } from './algorithm.ts'
import type { IssuingHash } from './algorithm.ts'
import { parseCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { parseCrl, REVOCATION_REASONS } from './crl.ts'
import type { Crl, RevokedEntry } from './crl.ts'
import { malformed, withX509Errors, X509Error } from './errors.ts'
import { authorityKeyIdExtension, encodeExtensions, extensionsOf, keyIdOf, subjectKeyIdExtension } from './extension-writer.ts'
import type { ExtensionFields } from './extension-writer.ts'
import { EXTENSION } from './extensions.ts'
import type { Extension } from './extensions.ts'
import { encodeName } from './name.ts'
import type { NameInput } from './name.ts'
import { describePublicKey } from './public-key.ts'
import { randomSerial, serialFromHex } from './serial-number.ts'

const generate = promisify(generateKeyPair)

export interface SigningInput {
  /** A private RSA, RSA-PSS, EC, Ed25519 or Ed448 key. */
  signer: KeyObject
  /** SHA-256 by default; ignored by Ed25519 and Ed448. */
  hash?: IssuingHash
  /** RSA keys sign with PKCS#1 v1.5 unless this is set; RSA-PSS keys always sign with PSS. */
  pss?: boolean
}

export interface CertificateInput extends SigningInput, ExtensionFields {
  subject: NameInput
  /** The issuer's certificate, whose subject and key identifier are taken; or its name, and then no authority key identifier is written. */
  issuer: Certificate | NameInput
  /** The subject's key; of a private key, the public half is taken. */
  publicKey: KeyObject
  /** Hex, positive, at most 20 bytes; drawn at random where absent. */
  serialNumber?: string
  notBefore: Date
  notAfter: Date
  /** Further extensions, after those that the fields request. */
  extensions?: readonly Extension[]
  /** 3 by default. Version 1 takes no extensions and writes none. */
  version?: 1 | 3
}

/**
 * Issues a certificate as requested: nothing is checked against the issuer's constraints, which is what `validateChain` is for. Version 3
 * has
 * the subject's key identifier, and the authority's where the issuer's certificate has one. Throws X509Error for what can't be encoded.
 *
 * @example
 * const certificate = await issueCertificate({
 *   subject: 'CN=host-7',
 *   issuer: ca,
 *   signer: caKey,
 *   publicKey,
 *   notBefore: new Date('2026-01-01'),
 *   notAfter: new Date('2027-01-01'),
 *   subjectAltName: [{ type: 'dns', value: 'host-7.example' }],
 * })
 * certificate.issuer.text // → 'O=Example, CN=Example CA'
 */
export async function issueCertificate(input: CertificateInput): Promise<Certificate> {
  const { version = 3, serialNumber = randomSerial() } = input
  const issuer = issuerOf(input.issuer)
  const own = withX509Errors(() => [...extensionsOf(input), ...(input.extensions ?? [])])
  if (version === 1 && own.length > 0) throw malformed('extensions', 'version 1 has none')
  const keyIds = [subjectKeyIdExtension(keyIdOf(input.publicKey)), ...issuer.extensions]
  return parseCertificate(
    await signed(input, (algorithm) => [
      ...(version === 3 ? [explicit(0, integer(2))] : []),
      integer(serialFromHex(serialNumber)),
      algorithm,
      issuer.name,
      sequence(time(input.notBefore), time(input.notAfter)),
      encodeName(input.subject),
      describePublicKey(input.publicKey).spki,
      ...(version === 3 ? [explicit(3, encodeExtensions([...own, ...keyIds]))] : []),
    ]),
  )
}

export interface CrlInput extends SigningInput {
  issuer: Certificate | NameInput
  thisUpdate: Date
  nextUpdate?: Date
  /** Counts upwards. */
  number?: bigint | number
  revoked: readonly RevokedEntry[]
  extensions?: readonly Extension[]
}

/**
 * Issues a CRL of version 2. Throws X509Error for what can't be encoded.
 *
 * @example
 * const crl = await issueCrl({
 *   issuer: ca,
 *   signer: caKey,
 *   thisUpdate: at,
 *   number: 1,
 *   revoked: [{ serialNumber: leaf.serialNumber, date: at, reason: 'superseded' }],
 * })
 * crl.revoked.has(leaf.serialNumber) // → true
 */
export async function issueCrl(input: CrlInput): Promise<Crl> {
  const { number, nextUpdate, revoked } = input
  const issuer = issuerOf(input.issuer)
  const extensions = [
    ...issuer.extensions,
    ...(number === undefined ? [] : [{ oid: EXTENSION.crlNumber, critical: false, value: integer(number) }]),
    ...(input.extensions ?? []),
  ]
  const der = await signed(input, (algorithm) => [
    integer(1),
    algorithm,
    issuer.name,
    time(input.thisUpdate),
    ...(nextUpdate ? [time(nextUpdate)] : []),
    ...(revoked.length > 0 ? [sequence(Buffer.concat(revoked.map(encodeEntry)))] : []),
    ...(extensions.length > 0 ? [explicit(0, encodeExtensions(extensions))] : []),
  ])
  return parseCrl(der)
}

export interface SelfSignedCaInput extends Pick<CertificateInput, 'subject' | 'notBefore' | 'notAfter' | 'serialNumber' | 'hash' | 'pss'> {
  /** The CA's private key; a new P-256 key where absent. */
  privateKey?: KeyObject
  /** How many intermediate CAs may follow; any number where absent. */
  pathLength?: number
}

/**
 * Creates a self-signed CA that may sign certificates and CRLs.
 *
 * @example
 * const { certificate, privateKey } = await createSelfSignedCa({
 *   subject: 'O=Example,CN=Example CA',
 *   notBefore: new Date('2026-01-01'),
 *   notAfter: new Date('2036-01-01'),
 * })
 * certificate.basicConstraints // → { ca: true }
 */
export async function createSelfSignedCa(input: SelfSignedCaInput): Promise<{ certificate: Certificate; privateKey: KeyObject }> {
  const { pathLength, privateKey = (await generate('ec', { namedCurve: 'P-256' })).privateKey, ...rest } = input
  const certificate = await issueCertificate({
    ...rest,
    issuer: input.subject,
    publicKey: privateKey,
    signer: privateKey,
    basicConstraints: { ca: true, ...(pathLength !== undefined && { pathLength }) },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extensions: [authorityKeyIdExtension(keyIdOf(privateKey))],
  })
  return { certificate, privateKey }
}

/** The issuer's name, and the extension that points to its key where that is known. */
function issuerOf(issuer: Certificate | NameInput): { name: Buffer; extensions: Extension[] } {
  if (typeof issuer === 'string' || !('subject' in issuer)) return { name: encodeName(issuer), extensions: [] }
  const { subject, subjectKeyId } = issuer
  return { name: subject.raw, extensions: subjectKeyId === undefined ? [] : [authorityKeyIdExtension(subjectKeyId)] }
}

function encodeEntry({ serialNumber, date, reason }: RevokedEntry): Buffer {
  const code = reason && encodeDer(TAG.enumerated, Buffer.of(REVOCATION_REASONS.indexOf(reason)))
  const extensions = code ? [encodeExtensions([{ oid: EXTENSION.reasonCode, critical: false, value: code }])] : []
  return sequence(integer(serialFromHex(serialNumber)), time(date), ...extensions)
}

/** SEQUENCE { SEQUENCE { contents }, algorithm, signature }. */
async function signed({ signer, hash = 'sha256', pss = false }: SigningInput, contents: (algorithm: Buffer) => Buffer[]): Promise<Buffer> {
  const kind = algorithmOf(signer, pss)
  const algorithm = encodeSignatureAlgorithm(kind, hash)
  const tbs = withX509Errors(() => sequence(...contents(algorithm)))
  const key =
    kind === 'rsa-pss'
      ? { key: signer, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key: signer }
  const digest = kind === 'ed25519' || kind === 'ed448' ? null : hash
  const signature = await new Promise<Buffer>((resolve, reject) =>
    sign(digest, tbs, key, (error, result) => (error ? reject(error) : resolve(result))),
  )
  return sequence(tbs, algorithm, bitString(signature))
}

function algorithmOf(signer: KeyObject, pss: boolean): 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'ed25519' | 'ed448' {
  if (signer.type !== 'private') throw new X509Error('unsupported', 'signer: not a private key')
  switch (signer.asymmetricKeyType) {
    case 'rsa':
      return pss ? 'rsa-pss' : 'rsa-pkcs1'
    case 'rsa-pss':
      return 'rsa-pss'
    case 'ec':
      return 'ecdsa'
    case 'ed25519':
    case 'ed448':
      return signer.asymmetricKeyType
    default:
      throw new X509Error('unsupported', 'signer: no algorithm for keys of this kind')
  }
}
