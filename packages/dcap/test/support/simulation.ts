/** Quotes and collateral of a simulated PKI in every variant that tests ask for. */
import { readCollateralJson } from '../../src/index.ts'
import type { Collateral, QuoteReport, Tee, VerifyOptions } from '../../src/index.ts'
import { parseQuote, verifyQuote } from '../../src/index.ts'
import { pemOf, signCollateral, SIMULATED_QE, simulatedDocuments } from '../../src/providers/simulated/collateral.ts'
import type { SimulatedDocuments } from '../../src/providers/simulated/collateral.ts'
import { encodeQuote } from '../../src/providers/simulated/encode-quote.ts'
import type { QuoteFields } from '../../src/providers/simulated/encode-quote.ts'
import { createSimulatedPki } from '../../src/providers/simulated/pki.ts'
import type { SimulatedPki } from '../../src/providers/simulated/pki.ts'
import { encodeSgxReport, encodeTdReport } from '../../src/providers/simulated/report-bodies.ts'
import type { SgxReportFields, TdReportFields } from '../../src/providers/simulated/report-bodies.ts'

/** When everything in these tests happens. */
export const AT = new Date('2026-03-01T00:00:00Z')
export const DAY = 86_400_000

export const pki = await createSimulatedPki(AT)
/** Same names, other keys. */
export const foreignPki = await createSimulatedPki(AT)

export interface QuoteVariant {
  version?: 3 | 4 | 5
  tee?: Tee
  pki?: SimulatedPki
  enclave?: Partial<SgxReportFields>
  td?: Partial<TdReportFields>
  qe?: Partial<SgxReportFields>
  fields?: Partial<QuoteFields>
}

export function makeQuote(variant: QuoteVariant = {}): Buffer {
  const { version = 3, tee = 'SGX', pki: own = pki } = variant
  const { isvProdId, isvSvn } = SIMULATED_QE[tee]
  const reportData = Buffer.alloc(64, 0xd1)
  const body =
    tee === 'SGX'
      ? encodeSgxReport({
          mrEnclave: Buffer.alloc(32, 1),
          mrSigner: Buffer.alloc(32, 2),
          isvProdId: 7,
          isvSvn: 9,
          reportData,
          ...variant.enclave,
        })
      : encodeTdReport({
          teeTcbSvn: Buffer.from([4, 1, 2, ...Array<number>(13).fill(0)]),
          mrTd: Buffer.alloc(48, 3),
          reportData,
          ...variant.td,
        })
  const qeReport = encodeSgxReport({
    mrEnclave: Buffer.alloc(32, 4),
    mrSigner: SIMULATED_QE.mrSigner,
    attributes: SIMULATED_QE.attributes,
    isvProdId,
    isvSvn,
    reportData: Buffer.alloc(64),
    ...variant.qe,
  })
  return encodeQuote({
    version,
    tee,
    body,
    userData: Buffer.alloc(20),
    qeReport,
    qeAuthData: Buffer.alloc(32, 5),
    attestationKey: own.attestationKey,
    pckKey: own.pck.key,
    certification: { type: 5, data: Buffer.from(pemOf(own.pck.certificate, own.pckCa.certificate, own.root.certificate)) },
    ...variant.fields,
  })
}

type Documents = ReturnType<typeof simulatedDocuments>
/** The members of the single-JSON form. */
export type CollateralJson = Record<string, string>

export interface CollateralVariant {
  tee?: Tee
  at?: Date
  pki?: SimulatedPki
  /** Changes documents before they are signed. */
  documents?: (documents: Documents) => Partial<SimulatedDocuments>
  /** Changes members after everything is signed. */
  json?: (json: CollateralJson) => CollateralJson | Promise<CollateralJson>
}

export async function makeCollateralJson(variant: CollateralVariant = {}): Promise<CollateralJson> {
  const { tee = 'SGX', at = AT, pki: own = pki, documents = () => ({}), json = (same: CollateralJson) => same } = variant
  const plain = simulatedDocuments(tee, at)
  return json(JSON.parse(await signCollateral(own, at, { ...plain, ...documents(plain) })) as CollateralJson)
}

export async function makeCollateral(variant: CollateralVariant = {}): Promise<Collateral> {
  return readCollateralJson(JSON.stringify(await makeCollateralJson(variant)))
}

/** Verifies under the simulated root, at AT. */
export function verify(quote: Uint8Array, collateral: Collateral, options: Partial<VerifyOptions> = {}): QuoteReport {
  return verifyQuote(parseQuote(quote), { collateral, at: AT, roots: [pki.root.certificate], ...options })
}

export function failedChecks({ checks }: QuoteReport): string[] {
  return checks.filter(({ passed }) => !passed).map(({ name }) => name)
}
