export { Checks } from './check.ts'
export type { Check } from './check.ts'
