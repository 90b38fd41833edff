import { X509Certificate } from 'node:crypto'
import { TpmError } from '../error.ts'
import { hash } from '../hash.ts'
import { LogReader } from '../log-reader.ts'
import { readGuid } from './guid.ts'
import type { Guid } from './guid.ts'

/** What a certificate says of itself; nothing here is verified. Times are ISO 8601. */
export type LoggedCertificate = {
  subject: string
  issuer: string
  serialNumber: string
  notBefore: string
  notAfter: string
  /** SHA-256 of the DER bytes, hex. */
  sha256: string
}

/** EFI_SIGNATURE_DATA: its owner and its contents: a certificate, a digest of an image, or by the list's type something else. */
export type LoggedSignature = { owner: Guid; data: Uint8Array; certificate?: LoggedCertificate }

/** EFI_SIGNATURE_LIST. */
export type SignatureList = {
  type: Guid
  header: Uint8Array
  /** Bytes of each signature, its owner's GUID included. */
  signatureSize: number
  signatures: LoggedSignature[]
}

const X509_GUID = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072'
const LIST_HEAD = 28
const OWNER = 16

/** Revocation lists have some hundred entries; more than this are refused, an empty list counting as one. */
const MAX_SIGNATURES = 16_384

/** The lists of a signature database: PK, KEK, db, dbx, MokList (UEFI 2.10, section 32.4.1). Throws TpmError where the sizes contradict each other. */
export function readSignatureLists(bytes: Uint8Array): SignatureList[] {
  const reader = new LogReader(bytes)
  const lists: SignatureList[] = []
  let count = 0
  while (reader.remaining > 0) {
    const at = reader.offset
    const type = readGuid(reader, 'SignatureType')
    const listSize = reader.u32('SignatureListSize')
    const headerSize = reader.u32('SignatureHeaderSize')
    const signatureSize = reader.u32('SignatureSize')
    const bodySize = listSize - LIST_HEAD - headerSize
    if (signatureSize < OWNER || bodySize < 0 || bodySize % signatureSize !== 0)
      throw new TpmError(`SignatureListSize: ${listSize} bytes with a header of ${headerSize} and signatures of ${signatureSize}`, {
        field: 'SignatureListSize',
        offset: at,
      })
    count += Math.max(1, bodySize / signatureSize)
    if (count > MAX_SIGNATURES)
      throw new TpmError(`signature database: more than ${MAX_SIGNATURES} signatures`, { field: 'SignatureListSize', offset: at })
    const header = reader.bytes(headerSize, 'SignatureHeader')
    const body = reader.part(bodySize, 'Signatures')
    const signatures: LoggedSignature[] = []
    while (body.remaining > 0) signatures.push(readSignature(body, signatureSize, type.guid === X509_GUID))
    lists.push({ type, header, signatureSize, signatures })
  }
  return lists
}

function readSignature(reader: LogReader, size: number, isCertificate: boolean): LoggedSignature {
  const owner = readGuid(reader, 'SignatureOwner')
  const data = reader.bytes(size - OWNER, 'SignatureData')
  const certificate = isCertificate ? readCertificate(data) : undefined
  return { owner, data, ...(certificate && { certificate }) }
}

/**
 * The authority that verified an image, as measured: an EFI_SIGNATURE_DATA (PC Client Platform Firmware Profile 1.06, section 10.4.2 "EV_EFI_VARIABLE_AUTHORITY"),
 * or as shim measures its own certificate, that alone. Undefined when the bytes are neither.
 */
export function readAuthority(bytes: Uint8Array): LoggedSignature | { data: Uint8Array; certificate: LoggedCertificate } | undefined {
  const alone = readCertificate(bytes)
  if (alone !== undefined) return { data: bytes, certificate: alone }
  if (bytes.length <= OWNER) return undefined
  const data = bytes.subarray(OWNER)
  const certificate = readCertificate(data)
  // Without a certificate it can only be the digest of an image.
  if (certificate === undefined && ![20, 32, 48, 64].includes(data.length)) return undefined
  return { owner: readGuid(new LogReader(bytes), 'SignatureOwner'), data, ...(certificate && { certificate }) }
}

/** Undefined for bytes that aren't a certificate. */
export function readCertificate(der: Uint8Array): LoggedCertificate | undefined {
  if (der[0] !== 0x30) return undefined
  try {
    const certificate = new X509Certificate(der)
    return {
      subject: oneLine(certificate.subject),
      issuer: oneLine(certificate.issuer),
      serialNumber: certificate.serialNumber.toLowerCase(),
      notBefore: certificate.validFromDate.toISOString(),
      notAfter: certificate.validToDate.toISOString(),
      sha256: hash('sha256', der).toHex(),
    }
  } catch {
    return undefined
  }
}

/** Node returns one attribute per line, escaped; an empty name is undefined. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ')
}
