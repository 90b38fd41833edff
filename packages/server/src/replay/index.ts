export { ReplayGate, type ReplayGateOptions } from './replay-gate.ts'
export { FUTURE_MS, PAST_MS, ReplayGuard } from './replay-guard.ts'
