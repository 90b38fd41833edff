// The package's second entry, `@vouchsafe/server/testing`: packages/testkit starts servers and opens stores with it.
export { ENROLLING, OPERATOR, appPrincipal, userPrincipal, type Call, type Principal } from '../access/index.ts'
export { readConfig } from '../config/index.ts'
export { systemRuntime, type Log, type Runtime } from '../foundation/index.ts'
export { SIGNING_KEY_NAMES, type SigningKeys } from '../signing-keys/index.ts'
export { openStorage, type RowKeys, type Storage, type StorageOptions, type UserRole } from '../storage/index.ts'
export { createLog } from './log.ts'
export { startServer, type Server } from './server.ts'
