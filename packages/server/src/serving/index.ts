export { createApp } from './app.ts'
export { ListenError, listen, type ListenerOptions } from './listener.ts'
export { selfSignedFiles } from './self-signed.ts'
export { readTlsFiles, type TlsOptions } from './tls-files.ts'
