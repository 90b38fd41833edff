export { ByteStream } from './byte-stream.ts'
export { handleOperatorRequest, type OperatorResponse } from './edge.ts'
export type { Progress } from './operation.ts'
export { listenOperatorSocket, operatorSocketPath } from './socket.ts'
