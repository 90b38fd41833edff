export { QuotePolicies } from './policies.ts'
export { Quotes, enclaveOf } from './quotes.ts'
export { SIMULATED_PKI_COLUMN } from './simulated-pki.ts'
export { SimulatedTrust } from './simulated-trust.ts'
