export { queryCallLog } from './call-log-query.ts'
export { CallLog } from './call-log.ts'
export { SYSTEM_ACTOR, managementAudit, type Actor } from './management.ts'
