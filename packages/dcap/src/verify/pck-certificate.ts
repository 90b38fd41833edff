/** The SGX extension of PCK certificates (Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, section 1.3.5). */
import { DerError, DerReader, readDer, readOid, readSmallInteger, TAG } from '@vouchsafe/der'
import { extensionOf, parseCertificate, parsePem, X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'

export const SGX_EXTENSION = '1.2.840.113741.1.13.1'
const COMPONENTS = 16
const MAX_QUOTE_CERTIFICATES = 10

export interface PckExtension {
  ppid: Buffer
  /** 16 component SVNs. */
  sgx: readonly number[]
  pceSvn: number
  cpuSvn: Buffer
  pceId: Buffer
  fmspc: Buffer
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  sgxType: number
}

export function isPckCertificate(certificate: Certificate): boolean {
  return extensionOf(certificate, SGX_EXTENSION) !== undefined
}

/**
 * The certificates that a quote carries: every block, whatever its label, so that every search for the PCK certificate finds the same one.
 * Those among `known` aren't read again. Throws X509Error.
 */
export function certificatesOfQuote(pem: string, known: readonly Certificate[] = []): Certificate[] {
  return parsePem(pem, { max: MAX_QUOTE_CERTIFICATES }).map(
    ({ bytes }) => known.find(({ der }) => der.equals(bytes)) ?? parseCertificate(bytes),
  )
}

/** Throws X509Error where the extension is absent, malformed, or lacks a field. */
export function readPckExtension(certificate: Certificate): PckExtension {
  const extension = extensionOf(certificate, SGX_EXTENSION)
  if (!extension) throw new X509Error('malformed', 'SGX extension: absent')
  try {
    return readExtension(extension.value)
  } catch (error) {
    throw error instanceof DerError ? new X509Error('malformed', error.message) : error
  }
}

function readExtension(der: Buffer): PckExtension {
  const fields = readFields(readDer(der, TAG.sequence, 'SGX extension').value, SGX_EXTENSION)
  const tcb = readFields(field(fields, '2', TAG.sequence), `${SGX_EXTENSION}.2`)
  return {
    ppid: octets(fields, '1', 16),
    sgx: Array.from({ length: COMPONENTS }, (_, i) => svn(tcb, String(i + 1), 0xff)),
    pceSvn: svn(tcb, '17', 0xffff),
    cpuSvn: octets(tcb, '18', 16),
    pceId: octets(fields, '3', 2),
    fmspc: octets(fields, '4', 6),
    sgxType: readSmallInteger(field(fields, '5', TAG.enumerated), 'SGX type'),
  }
}

type Fields = ReadonlyMap<string, { tag: number; value: Buffer }>

/** SEQUENCE OF SEQUENCE { id, value }, by the last number of the id. */
function readFields(contents: Buffer, prefix: string): Fields {
  const reader = new DerReader(contents, 'SGX extension')
  const fields = new Map<string, { tag: number; value: Buffer }>()
  while (reader.nextTag !== undefined) {
    const entry = reader.enter()
    const id = readOid(entry.read(TAG.objectIdentifier).value, 'SGX extension')
    const element = entry.read()
    entry.end()
    const name = id.slice(prefix.length + 1)
    if (!id.startsWith(`${prefix}.`) || fields.has(name)) throw new X509Error('malformed', `SGX extension: ${id} is foreign or comes twice`)
    fields.set(name, element)
  }
  return fields
}

function field(fields: Fields, name: string, tag: number): Buffer {
  const found = fields.get(name)
  if (found?.tag !== tag) throw new X509Error('malformed', `SGX extension: field ${name} is absent or of another type`)
  return found.value
}

function octets(fields: Fields, name: string, length: number): Buffer {
  const value = field(fields, name, TAG.octetString)
  if (value.length !== length) throw new X509Error('malformed', `SGX extension: field ${name} has ${value.length} bytes, not ${length}`)
  return value
}

function svn(fields: Fields, name: string, max: number): number {
  const value = readSmallInteger(field(fields, name, TAG.integer), 'SVN')
  if (value > max) throw new X509Error('malformed', `SGX extension: SVN ${name} is above ${max}`)
  return value
}
