import type { ServerResponse } from 'node:http'
import { JsonResult } from './operation.ts'
import { ServiceError, messageOf, type ErrorCode } from '../foundation/index.ts'
import { StorageError } from '../storage/index.ts'

/** The contract's message of success. */
export const SUCCESS = 'success!'

/** What every answer on this edge is made of; HTTP's own status is always 200. */
export interface Envelope {
  code: number
  message: string
  result: unknown
}

const STATUS_BY_KIND = { caller: 400, refused: 400, missing: 404, internal: 500 } as const

/** An error in the envelope; whatever is neither a ServiceError nor the store's says nothing of itself. */
export function errorEnvelope(error: unknown): Envelope & { errorCode: ErrorCode } {
  if (!(error instanceof ServiceError)) {
    const errorCode = error instanceof StorageError ? 'storage_unavailable' : 'internal'
    return { code: 500, message: messageOf(errorCode), result: {}, errorCode }
  }
  return { code: STATUS_BY_KIND[error.kind], message: error.message, result: {}, errorCode: error.code }
}

/** Sends an envelope. Answers hold plaintexts and keys, so nothing on the way may keep them. */
export function sendEnvelope(res: ServerResponse, { code, message, result }: Envelope, requestId: string): void {
  if (res.headersSent || res.destroyed) return
  const body =
    result instanceof JsonResult
      ? `{"code":${code},"message":${JSON.stringify(message)},"result":${result.json}}`
      : JSON.stringify({ code, message, result })
  res.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-request-id': requestId,
  })
  res.end(body)
}
