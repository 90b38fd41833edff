import { ByteReader } from './byte-reader.ts'

export const TD10_REPORT_LENGTH = 584
export const TD15_REPORT_LENGTH = 648

/** A TD report body (Intel TDX DCAP Quoting Library API, "TD Quote Body" for TDX 1.0 and 1.5). */
export interface TdReport {
  kind: 'td'
  raw: Buffer
  /** 16 component SVNs; the first two are the TDX module's ISVSVN and version. */
  teeTcbSvn: Buffer
  mrSeam: Buffer
  mrSignerSeam: Buffer
  seamAttributes: Buffer
  tdAttributes: Buffer
  xfam: Buffer
  mrTd: Buffer
  mrConfigId: Buffer
  mrOwner: Buffer
  mrOwnerConfig: Buffer
  rtmrs: readonly [Buffer, Buffer, Buffer, Buffer]
  reportData: Buffer
  /** TDX 1.5 only: the SVNs of what is loaded now, which a relaunch of the TD would get. */
  teeTcbSvn2?: Buffer
  mrServiceTd?: Buffer
}

/** Reads a report of TD10_REPORT_LENGTH or TD15_REPORT_LENGTH bytes. */
export function parseTdReport(raw: Buffer): TdReport {
  const reader = new ByteReader(raw)
  const measurement = (field: string) => reader.bytes(48, field)
  const report: TdReport = {
    kind: 'td',
    raw,
    teeTcbSvn: reader.bytes(16, 'TEE_TCB_SVN'),
    mrSeam: measurement('MRSEAM'),
    mrSignerSeam: measurement('MRSIGNERSEAM'),
    seamAttributes: reader.bytes(8, 'SEAMATTRIBUTES'),
    tdAttributes: reader.bytes(8, 'TDATTRIBUTES'),
    xfam: reader.bytes(8, 'XFAM'),
    mrTd: measurement('MRTD'),
    mrConfigId: measurement('MRCONFIGID'),
    mrOwner: measurement('MROWNER'),
    mrOwnerConfig: measurement('MROWNERCONFIG'),
    rtmrs: [measurement('RTMR0'), measurement('RTMR1'), measurement('RTMR2'), measurement('RTMR3')],
    reportData: reader.bytes(64, 'REPORTDATA'),
  }
  if (raw.length === TD10_REPORT_LENGTH) return report
  return { ...report, teeTcbSvn2: reader.bytes(16, 'TEE_TCB_SVN_2'), mrServiceTd: measurement('MRSERVICETD') }
}

/**
 * Any bit of the TUD group of TDATTRIBUTES (bits 7:0, of which 0 is DEBUG): the host can look into the TD.
 *
 * @example
 * if (quote.body.kind === 'td' && isDebugTd(quote.body)) throw new Error('a TD in debug mode')
 */
export function isDebugTd({ tdAttributes }: TdReport): boolean {
  return tdAttributes[0] !== 0
}
