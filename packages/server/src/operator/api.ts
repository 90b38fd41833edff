/**
 * What operators may do: one table of routes, served on the operator socket of a running server, or called in the operator's own process
 * when no server runs.
 */
import type { OperatorServices } from './services.ts'
import { OPERATOR, authorise } from '../access/index.ts'
import { ServiceError } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import { appOperations } from './app-routes.ts'
import { auditOperations } from './audit-routes.ts'
import { backupOperations } from './backup-routes.ts'
import { keyOperations } from './key-routes.ts'
import type { Input, OperatorOperation, Progress } from './input.ts'
import { quoteOperations } from './quotes.ts'
import { sealOperations } from './seal-routes.ts'
import { signingKeyOperations } from './signing-keys.ts'
import { enrollTokenOperations } from './token-routes.ts'
import { credentialOperations } from './users.ts'

export interface OperatorRequest {
  method: string
  /** With its query. */
  path: string
  body: unknown
}

export interface OperatorResponse {
  status: number
  /** JSON, or a ByteStream. */
  body: unknown
}

/** Every operation of the operator socket. */
export const OPERATIONS: readonly OperatorOperation[] = [
  ...keyOperations,
  ...appOperations,
  ...enrollTokenOperations,
  ...sealOperations,
  ...auditOperations,
  ...backupOperations,
  ...credentialOperations,
  ...signingKeyOperations,
  ...quoteOperations,
]

/** By method and path. */
const BY_ROUTE: ReadonlyMap<string, OperatorOperation> = new Map(OPERATIONS.map((each) => [`${each.method} ${each.path}`, each]))

const NO_PROGRESS: Progress = { report() {}, signal: new AbortController().signal }

/** Answers one request; never throws. */
export async function handleOperatorRequest(
  { method, path, body }: OperatorRequest,
  context: OperatorServices,
  progress: Progress = NO_PROGRESS,
): Promise<OperatorResponse> {
  const url = URL.parse(path, 'http://operator')
  if (!url) return { status: 400, body: { error: 'the path is not one' } }
  const operation = BY_ROUTE.get(`${method} ${url.pathname}`)
  if (!operation) return { status: 404, body: { error: `no such operation: ${method} ${url.pathname}` } }
  const input = method === 'GET' ? Object.fromEntries(url.searchParams) : body
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { status: 400, body: { error: 'the body must be a JSON object' } }
  const requestId = context.runtime.uuid()
  const call = { principal: OPERATOR, action: operation.name, requestId }
  try {
    authorise(call.principal, operation.right)
    return { status: 200, body: await operation.handle(input as Input, context, call, progress) }
  } catch (error) {
    if (error instanceof SealError || (error instanceof ServiceError && error.kind !== 'internal'))
      return { status: 400, body: { error: error.message } }
    if (progress.signal.aborted) return { status: 499, body: { error: 'interrupted' } }
    context.log.error({ err: error, requestId }, 'an operator request failed')
    return { status: 500, body: { error: 'internal error; the server log says more' } }
  }
}
