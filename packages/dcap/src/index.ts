export { CollateralError, QuoteError, QuoteProviderError } from './errors.ts'
export { INTEL_SGX_ROOT } from './intel-root.ts'

// Quotes
export { MAX_QUOTE_LENGTH, parseQuote } from './quote/quote.ts'
export type { Quote, Tee } from './quote/quote.ts'
export { CERTIFICATION_TYPE } from './quote/certification-data.ts'
export type { CertificationData } from './quote/certification-data.ts'
export { isDebugEnclave } from './quote/sgx-report.ts'
export type { SgxReport } from './quote/sgx-report.ts'
export { isDebugTd } from './quote/td-report.ts'
export type { TdReport } from './quote/td-report.ts'
export { measurementsOf } from './quote/measurements.ts'

// Collateral
export { readCollateral, readCollateralJson } from './collateral/collateral.ts'
export type { Collateral, CollateralPart, UnreadablePart } from './collateral/collateral.ts'
export type { EnclaveIdentity } from './collateral/enclave-identity.ts'
export type { SignedDocument } from './collateral/signed-document.ts'
export type { TcbInfo, TcbLevel } from './collateral/tcb-info.ts'
export { isTcbStatus, TCB_STATUSES } from './collateral/tcb-status.ts'
export type { TcbStatus } from './collateral/tcb-status.ts'

// Verification
export { DEFAULT_ACCEPTED, verifyQuote } from './verify/verify.ts'
export type { VerifyOptions } from './verify/verify.ts'
export { checkCollateral } from './verify/collateral-checks.ts'
export { carriesTrustedPck } from './verify/pck-trust.ts'
export { createPlatformCache } from './verify/platform.ts'
export type { PlatformCache } from './verify/platform.ts'
export type { Check } from '@vouchsafe/checks'
export type { CollateralAge, PartStatus, QuoteReport, SgxMeasurements, TdxMeasurements } from './verify/report.ts'
export type { Shortfall } from './verify/shortfall.ts'

// Producing quotes
export { REPORT_DATA_LENGTH } from './providers/provider.ts'
export type { Evidence, QuoteProvider } from './providers/provider.ts'
export { gramineProvider } from './providers/gramine.ts'
export { configfsTsmProvider } from './providers/configfs-tsm.ts'
export type { TsmFiles } from './providers/configfs-tsm.ts'
export { simulatedEnclave, SIMULATED_MEASUREMENTS } from './providers/simulated/simulated.ts'
export type { SimulatedEnclave, SimulatedOptions } from './providers/simulated/simulated.ts'
export { simulatedCollateralJson } from './providers/simulated/collateral.ts'
export { createSimulatedPki, exportSimulatedPki, importSimulatedPki } from './providers/simulated/pki.ts'
export type { SimulatedPki } from './providers/simulated/pki.ts'

// Where collateral comes from
export { readCollateralFiles } from './sources/files.ts'
export { fetchCollateral, serviceUrl } from './sources/pcs.ts'
export type { FetchOptions } from './sources/pcs.ts'
export { platformIdOf } from './sources/platform-id.ts'
export type { PlatformId } from './sources/platform-id.ts'
