export { QuotePolicies } from './policies.ts'
export { Quotes } from './quotes.ts'
export { SIMULATED_PKI_COLUMN, loadSimulatedPki } from './simulated-pki.ts'
