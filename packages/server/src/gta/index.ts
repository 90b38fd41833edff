export { createGtaEdge } from './edge.ts'
export { createKeyManager } from './key-manager.ts'
export { SECURITY_SCHEMES, authorityPaths } from './openapi.ts'
