/**
 * A software quoting enclave. Its quotes have the form of real ones and prove nothing about hardware: a verifier must be told to
 * trust its root, which every certificate calls simulated.
 */
import type { Certificate } from '@vouchsafe/x509'
import { readCollateralJson } from '../../collateral/collateral.ts'
import type { Collateral } from '../../collateral/collateral.ts'
import { CERTIFICATION_TYPE } from '../../quote/certification-data.ts'
import { checkReportData } from '../provider.ts'
import type { QuoteProvider } from '../provider.ts'
import { pemOf, SIMULATED_QE, simulatedCollateralJson } from './collateral.ts'
import { encodeQuote } from './encode-quote.ts'
import type { SimulatedPki } from './pki.ts'
import { encodeSgxReport } from './report-bodies.ts'

/** What the simulated enclave measures by default: values that existing clients of eHSM-KMS pin. */
export const SIMULATED_MEASUREMENTS = {
  mrEnclave: '70de1979095b7b85c18adefb1e1df55780e09ac3c1cc0e56a0df018a130b2fbd',
  mrSigner: 'c30446b4be9baf0f69728423ea613ef81a63e72acf7439fa0549001fd5482835',
} as const

/** In the header of every simulated quote; 20 bytes. */
const USER_DATA = Buffer.from('VOUCHSAFE SIMULATED\0')
const QE_AUTH_DATA = Buffer.from(Array.from({ length: 32 }, (_, i) => i))

export interface SimulatedOptions {
  pki: SimulatedPki
  /** 64 hex digits each. */
  mrEnclave?: string
  mrSigner?: string
}

export interface SimulatedEnclave extends QuoteProvider {
  name: 'simulated'
  /** The root that verifiers of these quotes need. */
  root: Certificate
  /** Fresh collateral, valid for thirty days. */
  collateral(at: Date): Promise<Collateral>
}

/**
 * An SGX enclave that answers with quotes of version 3.
 *
 * @example
 * const enclave = simulatedEnclave({ pki: await createSimulatedPki(at), mrSigner: '11'.repeat(32) })
 * const { bytes } = await enclave.quote(new Uint8Array(64))
 * parseQuote(bytes).tee // → 'SGX'
 */
export function simulatedEnclave({ pki, ...measurements }: SimulatedOptions): SimulatedEnclave {
  const { mrEnclave, mrSigner } = { ...SIMULATED_MEASUREMENTS, ...measurements }
  const { isvProdId, isvSvn } = SIMULATED_QE.SGX
  const qeReport = encodeSgxReport({
    mrEnclave: SIMULATED_QE.mrSigner,
    mrSigner: SIMULATED_QE.mrSigner,
    attributes: SIMULATED_QE.attributes,
    isvProdId,
    isvSvn,
    reportData: Buffer.alloc(64),
  })
  const certification = {
    type: CERTIFICATION_TYPE.pckChain,
    data: Buffer.from(`${pemOf(pki.pck.certificate, pki.pckCa.certificate, pki.root.certificate)}\0`),
  }
  return {
    name: 'simulated',
    root: pki.root.certificate,
    async quote(reportData) {
      checkReportData(reportData)
      const body = encodeSgxReport({
        mrEnclave: Buffer.from(mrEnclave, 'hex'),
        mrSigner: Buffer.from(mrSigner, 'hex'),
        isvProdId: 0,
        isvSvn: 0,
        reportData,
      })
      const bytes = encodeQuote({
        version: 3,
        tee: 'SGX',
        body,
        userData: USER_DATA,
        qeReport,
        qeAuthData: QE_AUTH_DATA,
        attestationKey: pki.attestationKey,
        pckKey: pki.pck.key,
        certification,
      })
      return { format: 'dcap', bytes }
    },
    collateral: async (at) => readCollateralJson(await simulatedCollateralJson(pki, at)),
  }
}
