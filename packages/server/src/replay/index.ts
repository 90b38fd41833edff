export { ReplayGate, type ReplayGateOptions } from './replay-gate.ts'
export { ReplayMemory } from './replay-memory.ts'
export { FUTURE_MS, PAST_MS, ReplayGuard } from './replay-guard.ts'
