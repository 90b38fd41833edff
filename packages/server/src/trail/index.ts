export { queryCallLog } from './call-log-query.ts'
export { Trail } from './trail.ts'
export { changeRecord, effectRecord, type Effect } from './change-record.ts'
