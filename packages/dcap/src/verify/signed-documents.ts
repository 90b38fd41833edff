/** TCB info and QE identity: the right one, signed by Intel's TCB signing certificate, current, and for this platform. */
import type { Certificate } from '@vouchsafe/x509'
import type { EnclaveIdentity } from '../collateral/enclave-identity.ts'
import type { SignedDocument } from '../collateral/signed-document.ts'
import type { TcbInfo } from '../collateral/tcb-info.ts'
import type { Tee } from '../quote/quote.ts'
import { hasRole, ROLE } from './chains.ts'
import type { ChainContext } from './chains.ts'
import { signedBy } from './p256.ts'
import type { PckExtension } from './pck-certificate.ts'

/** Certificates that are tried as the signer of one document. */
const MAX_SIGNERS = 8

const QE_ID: Record<Tee, string> = { SGX: 'QE', TDX: 'TD_QE' }

/** The newest TCB info for the platform; where none fits, checks say what differs. Without a PCE id, any will do. */
export function pickTcbInfo(
  { checks, collateral }: ChainContext,
  tee: Tee,
  { fmspc, pceId }: Pick<PckExtension, 'fmspc'> & Partial<PckExtension>,
): SignedDocument<TcbInfo> | undefined {
  const fits = ({ content }: SignedDocument<TcbInfo>) => [
    content.tee === tee,
    content.fmspc.equals(fmspc),
    pceId === undefined || content.pceId.equals(pceId),
  ]
  const score = (document: SignedDocument<TcbInfo>) => fits(document).filter(Boolean).length
  const best = collateral.tcbInfos.toSorted((a, b) => score(b) - score(a) || newest(a.content, b.content))[0]
  checks.add('tcb-info-present', best !== undefined, { expected: 'TCB info', found: best ? 'present' : 'none' })
  if (!best) return undefined
  const { content } = best
  checks.add('tcb-info-tee', content.tee === tee, { expected: tee, found: content.tee })
  checks.equal('tcb-info-fmspc', fmspc, content.fmspc)
  if (pceId !== undefined) checks.equal('tcb-info-pce-id', pceId, content.pceId)
  return best
}

/** The newest identity of the quoting enclave for `tee`. */
export function pickIdentity({ checks, collateral }: ChainContext, tee: Tee): SignedDocument<EnclaveIdentity> | undefined {
  const ids = collateral.identities.map(({ content }) => content.id)
  const best = collateral.identities.filter(({ content }) => content.id === QE_ID[tee]).toSorted((a, b) => newest(a.content, b.content))[0]
  checks.add('qe-identity-present', best !== undefined, { expected: QE_ID[tee], found: ids.join(', ').slice(0, 200) || 'none' })
  return best
}

/** Adds `<name>-dates` and `<name>-signature`; returns the certificate whose key signed, of those with the role to. */
export function checkDocument(
  { checks, collateral, at }: ChainContext,
  name: 'tcb-info' | 'qe-identity',
  document: SignedDocument<TcbInfo | EnclaveIdentity>,
): Certificate | undefined {
  const { content } = document
  checks.add(`${name}-dates`, content.issueDate <= at && at <= content.nextUpdate, {
    expected: 'current',
    found: `${content.issueDate.toISOString()} to ${content.nextUpdate.toISOString()}`,
  })
  const signers = collateral.certificates.filter((certificate) => hasRole(certificate.subject, ROLE.tcbSigning)).slice(0, MAX_SIGNERS)
  const signer = knownSigner(document, signers)
  checks.add(`${name}-signature`, signer !== undefined, {
    expected: 'signed by a TCB signing certificate',
    found: signer ? 'signature verifies' : signers.length > 0 ? 'signature does not verify' : 'no TCB signing certificate',
  })
  return signer
}

/** Signatures that were found good: neither documents nor certificates change. */
const signerOf = new WeakMap<object, Certificate>()

function knownSigner(document: SignedDocument<unknown>, candidates: readonly Certificate[]): Certificate | undefined {
  const known = signerOf.get(document)
  if (known && candidates.includes(known)) return known
  const { signed, signature } = document
  const signer = candidates.find((certificate) => signedBy(certificate, signed, signature))
  if (signer) signerOf.set(document, signer)
  return signer
}

function newest(a: { issueDate: Date }, b: { issueDate: Date }): number {
  return b.issueDate.getTime() - a.issueDate.getTime()
}
