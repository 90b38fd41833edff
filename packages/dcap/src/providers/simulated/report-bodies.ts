/** Bodies of reports, written: what quote/sgx-report.ts and quote/td-report.ts read. */
import { SGX_REPORT_LENGTH } from '../../quote/sgx-report.ts'
import { TD10_REPORT_LENGTH, TD15_REPORT_LENGTH } from '../../quote/td-report.ts'

export interface SgxReportFields {
  mrEnclave: Uint8Array
  mrSigner: Uint8Array
  /** 16 bytes; a 64-bit enclave in production mode when left out. */
  attributes?: Uint8Array
  isvProdId: number
  isvSvn: number
  reportData: Uint8Array
}

export interface TdReportFields {
  /** 16 SVNs. */
  teeTcbSvn: Uint8Array
  /** Makes it a report of TDX 1.5. */
  teeTcbSvn2?: Uint8Array
  seamAttributes?: Uint8Array
  tdAttributes?: Uint8Array
  mrTd: Uint8Array
  reportData: Uint8Array
}

/** INIT and MODE64BIT, with the state components x87, SSE and AVX. */
export const PRODUCTION_ATTRIBUTES = Buffer.from('0500000000000000e700000000000000', 'hex')

export function encodeSgxReport(fields: SgxReportFields): Buffer {
  const raw = Buffer.alloc(SGX_REPORT_LENGTH)
  raw.set(fields.attributes ?? PRODUCTION_ATTRIBUTES, 48)
  raw.set(fields.mrEnclave, 64)
  raw.set(fields.mrSigner, 128)
  raw.writeUInt16LE(fields.isvProdId, 256)
  raw.writeUInt16LE(fields.isvSvn, 258)
  raw.set(fields.reportData, 320)
  return raw
}

export function encodeTdReport(fields: TdReportFields): Buffer {
  const raw = Buffer.alloc(fields.teeTcbSvn2 ? TD15_REPORT_LENGTH : TD10_REPORT_LENGTH)
  raw.set(fields.teeTcbSvn, 0)
  if (fields.seamAttributes) raw.set(fields.seamAttributes, 112)
  if (fields.tdAttributes) raw.set(fields.tdAttributes, 120)
  raw.set(fields.mrTd, 136)
  raw.set(fields.reportData, 520)
  if (fields.teeTcbSvn2) raw.set(fields.teeTcbSvn2, TD10_REPORT_LENGTH)
  return raw
}
