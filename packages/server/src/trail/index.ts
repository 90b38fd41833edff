export { queryCallLog } from './call-log-query.ts'
export { ChangeLog } from './change-log.ts'
export { Trail } from './trail.ts'
export { changeRecord, effectRecord, type Effect } from './change-record.ts'
