import type { SgxMeasurements, TdxMeasurements } from '../verify/report.ts'
import type { Quote } from './quote.ts'

/**
 * Returns what was measured as plain data in lower-case hex.
 *
 * @example
 * const measured = measurementsOf(quote)
 * 'mrEnclave' in measured && measured.mrEnclave === SIMULATED_MEASUREMENTS.mrEnclave // → true
 */
export function measurementsOf({ body }: Pick<Quote, 'body'>): SgxMeasurements | TdxMeasurements {
  if (body.kind === 'sgx')
    return {
      mrEnclave: body.mrEnclave.toHex(),
      mrSigner: body.mrSigner.toHex(),
      isvProdId: body.isvProdId,
      isvSvn: body.isvSvn,
      attributes: body.attributes.toHex(),
      reportData: body.reportData.toHex(),
    }
  return {
    mrTd: body.mrTd.toHex(),
    rtmrs: body.rtmrs.map((rtmr) => rtmr.toHex()),
    mrSeam: body.mrSeam.toHex(),
    mrSignerSeam: body.mrSignerSeam.toHex(),
    mrConfigId: body.mrConfigId.toHex(),
    mrOwner: body.mrOwner.toHex(),
    mrOwnerConfig: body.mrOwnerConfig.toHex(),
    tdAttributes: body.tdAttributes.toHex(),
    xfam: body.xfam.toHex(),
    teeTcbSvn: body.teeTcbSvn.toHex(),
    reportData: body.reportData.toHex(),
  }
}
