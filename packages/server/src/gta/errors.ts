/** What went wrong, in the words of this edge: a status and one public message. */
import { ServiceError, type ErrorCode } from '../foundation/index.ts'
import type { Operation } from './operation.ts'
import { StorageError } from '../storage/index.ts'

export interface Refusal {
  status: number
  message: string
  /** For metrics and the call log. */
  code: string
  /** The server's fault: the log gets the error. */
  internal: boolean
}

/** Codes with a status other than their kind's: the caller's faults are 400, ours 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  user_unidentified: 401,
  user_mismatch: 401,
  denied: 403,
  denied_node: 403,
  enroll_closed: 403,
  enroll_forwarded: 403,
  duplicate: 409,
  modified: 429,
  rate_limited: 429,
  busy: 503,
}

/** What Fastify refuses before a handler runs. */
const HTTP_REFUSALS: ReadonlyMap<string, { status: number; message: string }> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', { status: 413, message: 'the body is too large' }],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', { status: 400, message: 'Content-Type must be application/json' }],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', { status: 400, message: 'the body is empty' }],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', { status: 400, message: 'Content-Length is not the length of the body' }],
  ['FST_ERR_CTP_INVALID_JSON_BODY', { status: 400, message: 'the body is not valid JSON' }],
])

/** @param operation what was called */
export function refusalOf(error: unknown, operation: Pick<Operation, 'name' | 'permission'>): Refusal {
  if (error instanceof ServiceError) {
    const status = STATUS[error.code] ?? (error.kind === 'internal' ? 500 : 400)
    return { status, message: sentenceOf(error, operation), code: error.code, internal: status === 500 }
  }
  if (error instanceof StorageError) return { status: 500, message: error.message, code: 'storage_unavailable', internal: true }
  const { code = '', validation, validationContext = '', statusCode } = error as FastifyFault
  if (validation?.[0]) {
    return { status: 400, message: fieldMessage(validation[0], validationContext), code: 'invalid_parameter', internal: false }
  }
  const known = HTTP_REFUSALS.get(code)
  if (known) return { ...known, code: known.status === 413 ? 'body_too_large' : 'invalid_json', internal: false }
  if (error instanceof SyntaxError || statusCode === 400) {
    return { status: 400, message: 'the body is not valid JSON', code: 'invalid_json', internal: false }
  }
  return { status: 500, message: 'Internal Server Error', code: 'internal', internal: true }
}

/** What this edge says, where that isn't the error's own sentence. */
function sentenceOf({ code, message, facts }: ServiceError, { name, permission }: Pick<Operation, 'name' | 'permission'>): string {
  if (code === 'denied') {
    const needed = permission === 'owner' ? 'owner' : `${permission} or owner`
    return `this credential has the role ${facts.role}; ${name} needs ${needed}`
  }
  if (code === 'denied_node') {
    const { asked, allowed, index } = facts
    if (index !== undefined) return `measurements[${index}].node_id: this credential attests only ${allowed}`
    return `this endorsement key is node ${asked}; this credential is for ${allowed}`
  }
  return message
}

interface FastifyFault {
  code?: string
  statusCode?: number
  validation?: SchemaFault[]
  validationContext?: string
}

interface SchemaFault {
  instancePath: string
  message?: string
  keyword: string
  params: Record<string, unknown>
}

/** `measurements[0].node_id is required` for what the schema's validator says about it. */
function fieldMessage({ instancePath, message = 'is not valid', keyword, params }: SchemaFault, context: string): string {
  const parts = instancePath.split('/').slice(1)
  const field = parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '')
  const inside = (name: unknown) => (field === '' ? String(name) : `${field}.${String(name)}`)
  if (keyword === 'required') return `${inside(params.missingProperty)} is required`
  if (keyword === 'additionalProperties') {
    const what = context === 'querystring' ? 'Unsupported query parameter' : 'unknown field'
    return `${what} '${inside(params.additionalProperty)}'`
  }
  const subject = field === '' ? (context === 'querystring' ? 'the query' : 'the body') : field
  if (keyword === 'pattern') return `${subject} has characters that are not allowed`
  if (keyword === 'enum' && Array.isArray(params.allowedValues)) return `${subject} must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'type')
    return `${subject} must be ${['array', 'integer', 'object'].includes(String(params.type)) ? 'an' : 'a'} ${String(params.type)}`
  return `${subject} ${message}`
}
