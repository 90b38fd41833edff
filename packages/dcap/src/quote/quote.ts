/**
 * SGX and TDX quotes, as bytes. Version 3: Intel SGX ECDSA Quote Library Reference, appendix A. Versions 4 and 5: Intel TDX DCAP Quoting
 * Library API, appendix A. Parsing says nothing about authenticity.
 */
import { QuoteError } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { CERTIFICATION_TYPE, certificationData } from './certification-data.ts'
import type { CertificationData } from './certification-data.ts'
import { parseSgxReport, SGX_REPORT_LENGTH } from './sgx-report.ts'
import type { SgxReport } from './sgx-report.ts'
import { parseTdReport, TD10_REPORT_LENGTH, TD15_REPORT_LENGTH } from './td-report.ts'
import type { TdReport } from './td-report.ts'

export type Tee = 'SGX' | 'TDX'

/** Quotes have a few kilobytes; kernels return at most this much. */
export const MAX_QUOTE_LENGTH = 32 * 1024
export const TEE_TYPE = { SGX: 0x00, TDX: 0x81 } as const
/** ECDSA with P-256, the only attestation key that quoting enclaves use. */
export const ATTESTATION_KEY_P256 = 2
/** Body types of version 5. */
export const BODY_TYPE = { sgx: 1, td10: 2, td15: 3 } as const

export interface Quote {
  version: 3 | 4 | 5
  tee: Tee
  qeSvn: number
  pceSvn: number
  /** 16 bytes; see INTEL_QE_VENDOR_ID. */
  qeVendorId: Buffer
  userData: Buffer
  body: SgxReport | TdReport
  /** What the attestation key signs: header and body, in version 5 with the body's type and size. */
  signed: Buffer
  /** r ‖ s. */
  signature: Buffer
  /** x ‖ y on P-256. */
  attestationKey: Buffer
  qeReport: SgxReport
  /** r ‖ s by the PCK over the quoting enclave's report. */
  qeReportSignature: Buffer
  qeAuthData: Buffer
  certification: CertificationData
  /** Zero bytes after the quote, which kernels' fixed buffers leave. */
  padding: number
}

/**
 * Parses a quote. Throws QuoteError for anything but one whole quote, optionally followed by zeros. The result consists of views into a
 * copy of `bytes`.
 *
 * @example
 * const { version, tee } = parseQuote(bytes)
 * const found = [version, tee] // → [3, 'SGX']
 */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length > MAX_QUOTE_LENGTH) throw new QuoteError('quote', `${bytes.length} bytes, at most ${MAX_QUOTE_LENGTH} are read`)
  const all = Buffer.from(bytes)
  const reader = new ByteReader(all)
  const header = readHeader(reader)
  const body = readBody(reader, header)
  const signed = all.subarray(0, reader.offset)
  const authentication = reader.bytes(reader.u32('signature data length'), 'signature data')
  const rest = reader.bytes(reader.remaining, 'padding')
  if (rest.some((byte) => byte !== 0)) throw new QuoteError('quote', `${rest.length} bytes after its end that are not zero`)
  return { ...header, body, signed, ...readAuthentication(authentication, header.version), padding: rest.length }
}

type Header = Pick<Quote, 'version' | 'tee' | 'qeSvn' | 'pceSvn' | 'qeVendorId' | 'userData'>

function readHeader(reader: ByteReader): Header {
  const version = reader.u16('version')
  if (version !== 3 && version !== 4 && version !== 5) throw new QuoteError('version', `${version} is not one of 3, 4 and 5`)
  const keyType = reader.u16('attestation key type')
  if (keyType !== ATTESTATION_KEY_P256) throw new QuoteError('attestation key type', `${keyType} is not 2 (ECDSA P-256)`)
  const teeType = reader.u32('TEE type')
  if (teeType !== TEE_TYPE.SGX && teeType !== TEE_TYPE.TDX) throw new QuoteError('TEE type', `${teeType} is neither SGX nor TDX`)
  const tee = teeType === TEE_TYPE.SGX ? 'SGX' : 'TDX'
  if (version === 3 && tee === 'TDX') throw new QuoteError('TEE type', 'version 3 is for SGX only')
  const qeSvn = reader.u16('QE SVN')
  const pceSvn = reader.u16('PCE SVN')
  const qeVendorId = reader.bytes(16, 'QE vendor id')
  return { version, tee, qeSvn, pceSvn, qeVendorId, userData: reader.bytes(20, 'user data') }
}

function readBody(reader: ByteReader, { version, tee }: Header): SgxReport | TdReport {
  if (version < 5)
    return tee === 'SGX'
      ? parseSgxReport(reader.bytes(SGX_REPORT_LENGTH, 'enclave report'))
      : parseTdReport(reader.bytes(TD10_REPORT_LENGTH, 'TD report'))
  const type = reader.u16('body type')
  const size = reader.u32('body size')
  const wanted = tee === 'SGX' ? [BODY_TYPE.sgx] : [BODY_TYPE.td10, BODY_TYPE.td15]
  if (!wanted.some((one) => one === type)) throw new QuoteError('body type', `${type} is not one of ${tee}`)
  const length = type === BODY_TYPE.sgx ? SGX_REPORT_LENGTH : type === BODY_TYPE.td10 ? TD10_REPORT_LENGTH : TD15_REPORT_LENGTH
  if (size !== length) throw new QuoteError('body size', `${size}, but type ${type} has ${length} bytes`)
  const raw = reader.bytes(length, 'body')
  return type === BODY_TYPE.sgx ? parseSgxReport(raw) : parseTdReport(raw)
}

type Authentication = Pick<Quote, 'signature' | 'attestationKey' | 'qeReport' | 'qeReportSignature' | 'qeAuthData' | 'certification'>

function readAuthentication(bytes: Buffer, version: Quote['version']): Authentication {
  const outer = new ByteReader(bytes)
  const signature = outer.bytes(64, 'quote signature')
  const attestationKey = outer.bytes(64, 'attestation key')
  // Since version 4 the quoting enclave's report is itself certification data.
  const reader = version === 3 ? outer : new ByteReader(readQeReportData(outer))
  const qeReport = parseSgxReport(reader.bytes(SGX_REPORT_LENGTH, 'QE report'))
  const qeReportSignature = reader.bytes(64, 'QE report signature')
  const qeAuthData = reader.bytes(reader.u16('QE authentication data length'), 'QE authentication data')
  const type = reader.u16('certification data type')
  const certification = certificationData(type, reader.bytes(reader.u32('certification data length'), 'certification data'))
  if (reader.remaining > 0 || outer.remaining > 0) throw new QuoteError('signature data', 'bytes after the certification data')
  return { signature, attestationKey, qeReport, qeReportSignature, qeAuthData, certification }
}

function readQeReportData(reader: ByteReader): Buffer {
  const type = reader.u16('certification data type')
  if (type !== CERTIFICATION_TYPE.qeReport) throw new QuoteError('certification data type', `${type} is not 6 (QE report)`)
  return reader.bytes(reader.u32('certification data length'), 'certification data')
}
