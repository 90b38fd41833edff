export { EHSM } from './ehsm.ts'
export type { EhsmAction, EhsmOperation } from './ehsm.ts'
export { GTA, SERVICE_PREFIXES } from './gta.ts'
export type { GtaCallName, GtaOperation } from './gta.ts'
