export { runServer } from './main.ts'
export { openOperator, type Operator } from './offline-operator.ts'
export { checkBackupFile, restore } from './restore.ts'
