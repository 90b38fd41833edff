/** What went wrong, in the words of this edge: a status and one public message. */
import { schemaFaultMessage, type SchemaFault, type SchemaWords } from '../edge/index.ts'
import { ServiceError, type ErrorCode, type ErrorKind } from '../foundation/index.ts'
import type { GtaOperation } from './operation.ts'
import { StorageError } from '../storage/index.ts'
import { sentenceOf } from './sentences.ts'

export interface Refusal {
  status: number
  message: string
  /** For metrics and the call log. */
  code: string
  /** The server's fault: the error is logged. */
  internal: boolean
}

/** The statuses of this API, by what an error means. */
const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  not_found: 400,
  conflict: 409,
  denied: 403,
  unauthenticated: 401,
  disabled: 400,
  precondition: 400,
  exhausted: 400,
  invalid: 400,
  unavailable: 500,
  internal: 500,
}

/** Codes with a status other than their kind's. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = { challenge_failed: 400, modified: 429, rate_limited: 429, busy: 503 }

/** Refusals by Fastify before a handler runs. */
const HTTP_REFUSALS: ReadonlyMap<string, { status: number; message: string }> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', { status: 413, message: 'the body is too large' }],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', { status: 400, message: 'Content-Type must be application/json' }],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', { status: 400, message: 'the body is empty' }],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', { status: 400, message: 'Content-Length is not the length of the body' }],
  ['FST_ERR_CTP_INVALID_JSON_BODY', { status: 400, message: 'the body is not valid JSON' }],
])

/** The subject of a schema's faults, by the part of the request that it checks. */
const WORDS: Readonly<Record<string, SchemaWords>> = {
  body: { whole: 'the body', unknown: 'unknown field' },
  querystring: { whole: 'the query', unknown: 'Unsupported query parameter' },
}

/** @param operation the operation that was called */
export function refusalOf(error: unknown, operation: Pick<GtaOperation, 'name' | 'permission'>): Refusal {
  if (error instanceof ServiceError) {
    const status = STATUS_BY_CODE[error.code] ?? STATUS_BY_KIND[error.kind]
    return { status, message: sentenceOf(error, operation), code: error.code, internal: status === 500 }
  }
  // Of an altered row there is nothing to tell a caller.
  if (error instanceof StorageError && error.code !== 'altered')
    return { status: 500, message: error.message, code: 'storage_unavailable', internal: true }
  const { code = '', validation, validationContext = '', statusCode } = error as FastifyFault
  if (validation?.[0]) {
    return {
      status: 400,
      message: schemaFaultMessage(validation[0], WORDS[validationContext] ?? WORDS.body!),
      code: 'invalid',
      internal: false,
    }
  }
  const known = HTTP_REFUSALS.get(code)
  if (known) return { ...known, code: known.status === 413 ? 'body_too_large' : 'invalid_json', internal: false }
  if (error instanceof SyntaxError || statusCode === 400) {
    return { status: 400, message: 'the body is not valid JSON', code: 'invalid_json', internal: false }
  }
  return { status: 500, message: 'Internal Server Error', code: 'internal', internal: true }
}

interface FastifyFault {
  code?: string
  statusCode?: number
  validation?: SchemaFault[]
  validationContext?: string
}
