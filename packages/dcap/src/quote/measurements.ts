import type { SgxMeasurements, TdxMeasurements } from '../verify/report.ts'
import type { Quote } from './quote.ts'

/** What was measured, as plain data in lower-case hex. */
export function measurementsOf({ body }: Pick<Quote, 'body'>): SgxMeasurements | TdxMeasurements {
  const hex = (bytes: Buffer) => bytes.toString('hex')
  if (body.kind === 'sgx')
    return {
      mrEnclave: hex(body.mrEnclave),
      mrSigner: hex(body.mrSigner),
      isvProdId: body.isvProdId,
      isvSvn: body.isvSvn,
      attributes: hex(body.attributes),
      reportData: hex(body.reportData),
    }
  return {
    mrTd: hex(body.mrTd),
    rtmrs: body.rtmrs.map(hex),
    mrSeam: hex(body.mrSeam),
    mrSignerSeam: hex(body.mrSignerSeam),
    mrConfigId: hex(body.mrConfigId),
    mrOwner: hex(body.mrOwner),
    mrOwnerConfig: hex(body.mrOwnerConfig),
    tdAttributes: hex(body.tdAttributes),
    xfam: hex(body.xfam),
    teeTcbSvn: hex(body.teeTcbSvn),
    reportData: hex(body.reportData),
  }
}
