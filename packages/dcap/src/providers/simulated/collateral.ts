/** Collateral for the simulated PKI: the documents that Intel would publish about its platform, made and signed here. */
import { issueCrl, toPem } from '@vouchsafe/x509'
import type { Certificate, RevokedEntry } from '@vouchsafe/x509'
import type { Tee } from '../../quote/quote.ts'
import { signP256 } from './encode-quote.ts'
import { SIMULATED_FMSPC, SIMULATED_PCE_ID } from './pki.ts'
import type { SimulatedPki } from './pki.ts'

/** A quoting enclave that no one signed. */
export const SIMULATED_QE = {
  mrSigner: Buffer.from('76'.repeat(32), 'hex'),
  attributes: Buffer.from('1100000000000000e700000000000000', 'hex'),
  SGX: { id: 'QE', isvProdId: 1, isvSvn: 8 },
  TDX: { id: 'TD_QE', isvProdId: 2, isvSvn: 4 },
} as const

const DAY = 86_400_000
const VALID_DAYS = 30

export interface SimulatedDocuments {
  tcbInfo: object
  qeIdentity: object
  revokedByRoot?: readonly RevokedEntry[]
  revokedByPckCa?: readonly RevokedEntry[]
}

/** The documents of `tee`, issued at `at` and valid for thirty days. The newest level is what the simulated platform has. */
export function simulatedDocuments(tee: Tee, at: Date) {
  const dates = { issueDate: isoSecond(at), nextUpdate: isoSecond(new Date(at.getTime() + VALID_DAYS * DAY)) }
  const qe = SIMULATED_QE[tee]
  const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
  const level = (svns: readonly number[], pcesvn: number, tdx: readonly number[], tcbDate: string, verdict: object) => ({
    tcb: { sgxtcbcomponents: padded(svns), pcesvn, ...(tee === 'TDX' && { tdxtcbcomponents: padded(tdx) }) },
    tcbDate,
    ...verdict,
  })
  return {
    tcbInfo: {
      id: tee,
      version: 3,
      ...dates,
      fmspc: SIMULATED_FMSPC.toString('hex').toUpperCase(),
      pceId: SIMULATED_PCE_ID.toString('hex'),
      tcbType: 0,
      tcbEvaluationDataNumber: 1,
      ...(tee === 'TDX' && {
        tdxModule: module,
        tdxModuleIdentities: [
          {
            id: 'TDX_01',
            ...module,
            tcbLevels: [
              { tcb: { isvsvn: 4 }, tcbDate: '2026-01-01T00:00:00Z', tcbStatus: 'UpToDate' },
              { tcb: { isvsvn: 2 }, tcbDate: '2025-01-01T00:00:00Z', tcbStatus: 'OutOfDate', advisoryIDs: ['SIMULATED-SA-00002'] },
            ],
          },
        ],
      }),
      tcbLevels: [
        level([4, 4, 3, 3, 255, 255, 1], 13, [4, 0, 2], '2026-01-01T00:00:00Z', { tcbStatus: 'UpToDate' }),
        level([3, 3, 3, 3, 255, 255, 0], 11, [3, 0, 1], '2025-01-01T00:00:00Z', {
          tcbStatus: 'OutOfDate',
          advisoryIDs: ['SIMULATED-SA-00001'],
        }),
      ],
    },
    qeIdentity: {
      id: qe.id,
      version: 2,
      ...dates,
      tcbEvaluationDataNumber: 1,
      miscselect: '00000000',
      miscselectMask: 'FFFFFFFF',
      attributes: '11000000000000000000000000000000',
      attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
      mrsigner: SIMULATED_QE.mrSigner.toString('hex').toUpperCase(),
      isvprodid: qe.isvProdId,
      tcbLevels: [{ tcb: { isvsvn: qe.isvSvn }, tcbDate: '2026-01-01T00:00:00Z', tcbStatus: 'UpToDate' }],
    },
  }
}

/**
 * Fresh collateral for SGX, valid for thirty days, in the form of one JSON text (see `readCollateralJson`).
 *
 * @example
 * const collateral = readCollateralJson(await simulatedCollateralJson(pki, at))
 * verifyQuote(quote, { collateral, at, roots: [enclave.root] }).accepted // → true
 */
export function simulatedCollateralJson(pki: SimulatedPki, at: Date): Promise<string> {
  return signCollateral(pki, at, simulatedDocuments('SGX', at))
}

/** The documents signed, with certificates and CRLs, in the form of one JSON text (see `readCollateralJson`). */
export async function signCollateral(pki: SimulatedPki, at: Date, documents: SimulatedDocuments): Promise<string> {
  const dates = { thisUpdate: at, nextUpdate: new Date(at.getTime() + VALID_DAYS * DAY), number: 1 }
  const { root, pckCa, tcbSigning } = pki
  const [rootCrl, pckCrl] = await Promise.all([
    issueCrl({ ...dates, issuer: root.certificate, signer: root.key, revoked: documents.revokedByRoot ?? [] }),
    issueCrl({ ...dates, issuer: pckCa.certificate, signer: pckCa.key, revoked: documents.revokedByPckCa ?? [] }),
  ])
  const [tcbInfo, qeIdentity] = [JSON.stringify(documents.tcbInfo), JSON.stringify(documents.qeIdentity)]
  const signature = (text: string) => signP256(Buffer.from(text), tcbSigning.key).toString('hex')
  const signerChain = pemOf(tcbSigning.certificate, root.certificate)
  return JSON.stringify({
    pck_crl_issuer_chain: pemOf(pckCa.certificate, root.certificate),
    root_ca_crl: rootCrl.der.toString('hex'),
    pck_crl: pckCrl.der.toString('hex'),
    tcb_info_issuer_chain: signerChain,
    tcb_info: tcbInfo,
    tcb_info_signature: signature(tcbInfo),
    qe_identity_issuer_chain: signerChain,
    qe_identity: qeIdentity,
    qe_identity_signature: signature(qeIdentity),
  })
}

export function pemOf(...certificates: readonly Certificate[]): string {
  return certificates.map(({ der }) => toPem('CERTIFICATE', der)).join('')
}

function padded(svns: readonly number[]): { svn: number }[] {
  return Array.from({ length: 16 }, (_, i) => ({ svn: svns[i] ?? 0 }))
}

function isoSecond(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}
