import { ByteReader } from './byte-reader.ts'

export const SGX_REPORT_LENGTH = 384

/** Bit of ATTRIBUTES.FLAGS: the enclave's memory can be read from outside. */
const DEBUG = 0x02

/** An SGX enclave report body (Intel SGX ECDSA Quote Library Reference, "Enclave Report Body"; Intel SDM vol. 3D, REPORT). */
export interface SgxReport {
  kind: 'sgx'
  /** The 384 bytes as they stand in the quote. */
  raw: Buffer
  cpuSvn: Buffer
  /** 4 bytes, little-endian. */
  miscSelect: Buffer
  isvExtProdId: Buffer
  /** 16 bytes: FLAGS and XFRM. */
  attributes: Buffer
  mrEnclave: Buffer
  mrSigner: Buffer
  configId: Buffer
  isvProdId: number
  isvSvn: number
  configSvn: number
  isvFamilyId: Buffer
  /** 64 bytes that the enclave chose. */
  reportData: Buffer
}

/** Reads a report of exactly SGX_REPORT_LENGTH bytes. */
export function parseSgxReport(raw: Buffer): SgxReport {
  const reader = new ByteReader(raw)
  const cpuSvn = reader.bytes(16, 'CPUSVN')
  const miscSelect = reader.bytes(4, 'MISCSELECT')
  reader.bytes(12, 'reserved')
  const isvExtProdId = reader.bytes(16, 'ISVEXTPRODID')
  const attributes = reader.bytes(16, 'ATTRIBUTES')
  const mrEnclave = reader.bytes(32, 'MRENCLAVE')
  reader.bytes(32, 'reserved')
  const mrSigner = reader.bytes(32, 'MRSIGNER')
  reader.bytes(32, 'reserved')
  const configId = reader.bytes(64, 'CONFIGID')
  const isvProdId = reader.u16('ISVPRODID')
  const isvSvn = reader.u16('ISVSVN')
  const configSvn = reader.u16('CONFIGSVN')
  reader.bytes(42, 'reserved')
  const isvFamilyId = reader.bytes(16, 'ISVFAMILYID')
  const reportData = reader.bytes(64, 'REPORTDATA')
  return {
    kind: 'sgx',
    raw,
    cpuSvn,
    miscSelect,
    isvExtProdId,
    attributes,
    mrEnclave,
    mrSigner,
    configId,
    isvProdId,
    isvSvn,
    configSvn,
    isvFamilyId,
    reportData,
  }
}

/**
 * Whether the enclave runs in debug mode, in which its memory can be read and changed.
 *
 * @example
 * quote.body.kind === 'sgx' && isDebugEnclave(quote.body) // → false
 */
export function isDebugEnclave({ attributes }: SgxReport): boolean {
  return (attributes[0]! & DEBUG) !== 0
}
