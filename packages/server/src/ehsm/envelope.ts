import type { ServerResponse } from 'node:http'
import { JsonResult } from './operation.ts'
import { isServerFault, ServiceError, type ErrorCode } from '../foundation/index.ts'
import { StorageError } from '../storage/index.ts'
import { EhsmRefusal, type EhsmRefusalCode } from './refusals.ts'
import { INTERNAL_SENTENCE, sentenceOf, STORAGE_SENTENCE } from './sentences.ts'

/** The contract's message of success. */
export const SUCCESS = 'success!'

/** Names and values in turn: Node.js looks at each once only in this form. */
const HEADERS = ['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-store']

/** The form of every response on this edge; HTTP's own status is always 200. */
export interface Envelope {
  code: number
  message: string
  result: unknown
}

/** An error in the envelope of a response to `action`; an error outside the tables reveals nothing about itself. */
export function errorEnvelope(error: unknown, action?: string): Envelope & { errorCode: ErrorCode | EhsmRefusalCode } {
  if (error instanceof EhsmRefusal) {
    return { code: error.code === 'unknown_action' ? 404 : 400, message: error.message, result: {}, errorCode: error.code }
  }
  if (error instanceof ServiceError) {
    return { code: isServerFault(error.kind) ? 500 : 400, message: sentenceOf(error, action), result: {}, errorCode: error.code }
  }
  // Of an altered row there is nothing to tell a caller.
  if (error instanceof StorageError && error.code !== 'altered')
    return { code: 500, message: STORAGE_SENTENCE, result: {}, errorCode: 'storage_unavailable' }
  return { code: 500, message: INTERNAL_SENTENCE, result: {}, errorCode: 'internal' }
}

/** Sends an envelope. Responses hold plaintexts and keys, so no intermediary may store them. */
export function sendEnvelope(res: ServerResponse, { code, message, result }: Envelope, requestId: string): void {
  if (res.headersSent || res.destroyed) return
  const body =
    result instanceof JsonResult
      ? `{"code":${code},"message":${JSON.stringify(message)},"result":${result.json}}`
      : JSON.stringify({ code, message, result })
  const length = Buffer.byteLength(body)
  res.writeHead(200, [...HEADERS, 'content-length', String(length), 'x-request-id', requestId])
  // What is ASCII is the same in either, and written with less work as the latter.
  res.end(body, length === body.length ? 'latin1' : 'utf8')
}
