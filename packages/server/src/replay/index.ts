export { FUTURE_MS, PAST_MS, ReplayGuard } from './replay-guard.ts'
