export { runServer } from './main.ts'
export { openOperator } from './operator/offline.ts'
export type { Operator } from './operator/offline.ts'
export { operatorSocketPath } from './operator/socket.ts'
