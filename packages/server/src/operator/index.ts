export { handleOperatorRequest, type OperatorResponse } from './api.ts'
export { ByteStream, type Progress } from './input.ts'
export { listenOperatorSocket, operatorSocketPath } from './socket.ts'
