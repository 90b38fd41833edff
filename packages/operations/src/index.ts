export { EHSM } from './ehsm.ts'
export type { EhsmAction, EhsmDescriptor } from './ehsm.ts'
export { GTA, SERVICE_PREFIXES } from './gta.ts'
export type { GtaCallName, GtaDescriptor } from './gta.ts'
