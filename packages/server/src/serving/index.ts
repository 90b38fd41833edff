export { openDomains, type Domains } from './domains.ts'
export { createEdges } from './edges.ts'
export { ListenError } from './listener.ts'
export { openListeners, type Listeners } from './listeners.ts'
