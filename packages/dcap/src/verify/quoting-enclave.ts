/** The quoting enclave's report against Intel's identity of it (Intel PCS API, "Get QE Identity": how to verify the report). */
import type { Checks } from '@vouchsafe/checks'
import type { EnclaveIdentity } from '../collateral/enclave-identity.ts'
import type { SgxReport } from '../quote/sgx-report.ts'

/** Adds the checks `qe-miscselect`, `qe-attributes`, `qe-mrsigner` and `qe-isvprodid`. */
export function checkQeIdentity(checks: Checks, report: SgxReport, identity: EnclaveIdentity): void {
  checkMasked(checks, 'qe-miscselect', report.miscSelect, identity.miscSelect, identity.miscSelectMask)
  checkMasked(checks, 'qe-attributes', report.attributes, identity.attributes, identity.attributesMask)
  checks.equal('qe-mrsigner', identity.mrSigner, report.mrSigner)
  checks.add('qe-isvprodid', report.isvProdId === identity.isvProdId, {
    expected: String(identity.isvProdId),
    found: String(report.isvProdId),
  })
}

/** That `found` is as `expected` in the bits of `mask`. */
export function checkMasked(checks: Checks, name: string, found: Buffer, expected: Buffer, mask: Buffer): void {
  const [masked, wanted] = [found, expected].map((bytes) => Buffer.from(bytes.map((byte, i) => byte & mask[i]!)))
  checks.add(name, masked!.equals(wanted!), {
    expected: `${expected.toString('hex')} under mask ${mask.toString('hex')}`,
    found: found.toString('hex'),
  })
}
