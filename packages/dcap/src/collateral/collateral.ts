/**
 * Collateral: what Intel says about its platforms, as a set of certificates, CRLs and signed documents. What a verification needs is picked
 * by content, never by name or order. Reading says nothing about trust.
 */
import { createHash } from 'node:crypto'
import { parseCertificate, parseCrl, parsePem, X509Error } from '@vouchsafe/x509'
import type { Certificate, Crl } from '@vouchsafe/x509'
import { CollateralError } from '../errors.ts'
import { readEnclaveIdentity } from './enclave-identity.ts'
import type { EnclaveIdentity } from './enclave-identity.ts'
import { asObject, hexBytes, member } from './json-fields.ts'
import type { JsonObject } from './json-fields.ts'
import { MAX_DOCUMENT_LENGTH, parseJson, readSignedBody } from './signed-document.ts'
import type { SignedDocument } from './signed-document.ts'
import { readTcbInfo } from './tcb-info.ts'
import type { TcbInfo } from './tcb-info.ts'

export interface Collateral {
  /** Each once. */
  certificates: readonly Certificate[]
  crls: readonly Crl[]
  tcbInfos: readonly SignedDocument<TcbInfo>[]
  identities: readonly SignedDocument<EnclaveIdentity>[]
  /** Parts of these kinds that are malformed: no quote is accepted on such collateral. */
  broken: readonly UnreadablePart[]
  /** Parts that are something else. */
  ignored: readonly UnreadablePart[]
  /** A digest of everything that was given: equal digests mean equal collateral. */
  digest: string
}

export interface UnreadablePart {
  name: string
  reason: string
}

export interface CollateralPart {
  /** For messages only. */
  name: string
  bytes: Uint8Array
}

const MAX_PARTS = 200
const MAX_PART_LENGTH = 16 * 1024 * 1024
const MAX_CERTIFICATES = 200
const MAX_CRL_ENTRIES = 200_000

interface Found {
  certificates: Map<string, Certificate>
  crls: Map<string, Crl>
  tcbInfos: SignedDocument<TcbInfo>[]
  identities: SignedDocument<EnclaveIdentity>[]
  broken: UnreadablePart[]
  ignored: UnreadablePart[]
}

/** A part that isn't collateral at all. */
class ForeignPart extends CollateralError {}

/**
 * Reads collateral from files or HTTP answers of any names: certificates and CRLs in DER or PEM, CRLs in hex, Intel's JSON with `tcbInfo`
 * or
 * `enclaveIdentity`, or one JSON object that holds everything (see `readCollateralJson`). Parts that are something else are noted, not
 * refused. Throws CollateralError if there are too many parts, or parts that are too long.
 *
 * @example
 * const parts = [{ name: 'collateral.json', bytes: Buffer.from(await simulatedCollateralJson(pki, at)) }]
 * readCollateral(parts).tcbInfos.length // → 1
 */
export function readCollateral(parts: readonly CollateralPart[]): Collateral {
  if (parts.length > MAX_PARTS) throw new CollateralError('collateral', `${parts.length} parts, at most ${MAX_PARTS} are read`)
  const found: Found = { certificates: new Map(), crls: new Map(), tcbInfos: [], identities: [], broken: [], ignored: [] }
  const digest = createHash('sha256')
  for (const part of parts) {
    const bytes = Buffer.from(part.bytes)
    if (bytes.length > MAX_PART_LENGTH) throw new CollateralError(part.name, `longer than ${MAX_PART_LENGTH} bytes`)
    digest.update(`${bytes.length}:`).update(bytes)
    noting(found, part.name, () => readPart(found, { name: part.name, bytes }))
  }
  if (found.certificates.size > MAX_CERTIFICATES) throw new CollateralError('collateral', `more than ${MAX_CERTIFICATES} certificates`)
  return {
    ...found,
    certificates: [...found.certificates.values()],
    crls: [...found.crls.values()],
    digest: digest.digest('hex'),
  }
}

/**
 * Reads collateral from one JSON text, in the form that verification libraries use: PEM in `…_issuer_chain` (and `pck_certificate_chain`),
 * hex DER or PEM in
 * `root_ca_crl` and `pck_crl`, JSON text in `tcb_info` and `qe_identity`, hex r ‖ s in `tcb_info_signature` and `qe_identity_signature`.
 * Broken members are noted. Throws CollateralError when it is not a JSON object with any of these.
 *
 * @example
 * readCollateralJson(await simulatedCollateralJson(pki, at)).crls.length // → 2
 */
export function readCollateralJson(source: string): Collateral {
  const bytes = Buffer.from(source)
  if (!isSingleForm(asObject(parseJson(source, 'collateral'), 'collateral')))
    throw new CollateralError('collateral', 'neither tcb_info nor qe_identity is there')
  return readCollateral([{ name: 'collateral', bytes }])
}

function noting(found: Found, name: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof X509Error || error instanceof CollateralError)) throw error
    const list = error instanceof ForeignPart ? found.ignored : found.broken
    list.push({ name, reason: error.message })
  }
}

function readPart(found: Found, { name, bytes }: { name: string; bytes: Buffer }): void {
  const start = bytes.find((byte) => byte > 0x20)
  if (start === undefined) throw new CollateralError(name, 'empty')
  if (start === 0x7b) return readJsonPart(found, name, bytes.toString())
  // A quote holds PEM too, among bytes that text does not have.
  if (bytes.includes('-----BEGIN ') && !bytes.includes(0)) return readPemPart(found, name, bytes.toString('latin1'))
  const digits = bytes.length % 2 === 0 || bytes.at(-1) === 0x0a ? bytes.toString('latin1').trim() : ''
  readDerPart(found, name, /^(?:[0-9a-fA-F]{2})+$/.test(digits) ? Buffer.from(digits, 'hex') : bytes)
}

function readDerPart(found: Found, name: string, der: Buffer): void {
  if (der[0] !== 0x30) throw new ForeignPart(name, 'neither a certificate, a CRL nor JSON')
  try {
    addCertificate(found, der)
  } catch (certificateError) {
    try {
      addCrl(found, der)
    } catch (crlError) {
      if (!(certificateError instanceof X509Error && crlError instanceof X509Error)) throw crlError
      throw new CollateralError(name, `not a certificate (${certificateError.message}) and not a CRL (${crlError.message})`)
    }
  }
}

function readPemPart(found: Found, name: string, text: string): void {
  parsePem(text).forEach(({ label, bytes }, i) =>
    noting(found, `${name} (block ${i + 1})`, () => {
      if (label === 'CERTIFICATE') addCertificate(found, bytes)
      else if (label === 'X509 CRL') addCrl(found, bytes)
      else throw new ForeignPart(name, 'neither a certificate nor a CRL')
    }),
  )
}

function readJsonPart(found: Found, name: string, source: string): void {
  const object = asObject(parseJson(source, name), name)
  if (isSingleForm(object)) return readSingleForm(found, object)
  if (member(object, 'tcbInfo') !== undefined) found.tcbInfos.push(readSignedBody(source, 'tcbInfo', readTcbInfo))
  else if (member(object, 'enclaveIdentity') !== undefined)
    found.identities.push(readSignedBody(source, 'enclaveIdentity', readEnclaveIdentity))
  else throw new ForeignPart(name, 'JSON with neither tcbInfo nor enclaveIdentity')
}

function isSingleForm(object: JsonObject): boolean {
  return member(object, 'tcb_info') !== undefined || member(object, 'qe_identity') !== undefined
}

function readSingleForm(found: Found, object: JsonObject): void {
  for (const name of ['pck_certificate_chain', 'pck_crl_issuer_chain', 'tcb_info_issuer_chain', 'qe_identity_issuer_chain'])
    if (member(object, name) !== undefined && member(object, name) !== null)
      noting(found, name, () => readPemPart(found, name, textOf(object, name)))
  for (const name of ['root_ca_crl', 'pck_crl'])
    noting(found, name, () => readPart(found, { name, bytes: Buffer.from(textOf(object, name)) }))
  noting(found, 'tcb_info', () => found.tcbInfos.push(readDocument(object, 'tcb_info', readTcbInfo)))
  noting(found, 'qe_identity', () => found.identities.push(readDocument(object, 'qe_identity', readEnclaveIdentity)))
}

function readDocument<T>(object: JsonObject, name: string, read: (value: unknown, path: string) => T): SignedDocument<T> {
  const source = textOf(object, name)
  return {
    content: read(parseJson(source, name), name),
    signed: Buffer.from(source),
    signature: hexBytes(object, `${name}_signature`, 'collateral', 64),
  }
}

function textOf(object: JsonObject, name: string): string {
  const value = member(object, name)
  if (typeof value !== 'string' || value.length > 2 * MAX_PART_LENGTH) throw new CollateralError(name, 'text is expected')
  if (name.endsWith('_info') && value.length > MAX_DOCUMENT_LENGTH) throw new CollateralError(name, 'too long')
  return value
}

function addCertificate(found: Found, der: Buffer): void {
  const certificate = parseCertificate(der)
  found.certificates.set(certificate.der.toString('base64'), certificate)
}

function addCrl(found: Found, der: Buffer): void {
  const crl = parseCrl(der, { maxEntries: MAX_CRL_ENTRIES })
  found.crls.set(createHash('sha256').update(crl.der).digest('base64'), crl)
}
