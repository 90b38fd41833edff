/**
 * What operators may do: one table of routes, served on the operator socket of a running server, or called in the operator's own process
 * when no server runs.
 */
import type { OperatorServices } from './services.ts'
import { ServiceError } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import { APP_ROUTES } from './app-routes.ts'
import { AUDIT_ROUTES } from './audit-routes.ts'
import { BACKUP_ROUTES } from './backup-routes.ts'
import { KEY_ROUTES } from './key-routes.ts'
import type { Handler, Input, Progress } from './input.ts'
import { quoteRoutes } from './quotes.ts'
import { SEAL_ROUTES } from './seal-routes.ts'
import { signingKeyRoutes } from './signing-keys.ts'
import { TOKEN_ROUTES } from './token-routes.ts'
import { userRoutes } from './users.ts'

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

/** By method and path; GET takes its input from the query. */
const ROUTES: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ...KEY_ROUTES,
  ...APP_ROUTES,
  ...TOKEN_ROUTES,
  ...SEAL_ROUTES,
  ...AUDIT_ROUTES,
  ...BACKUP_ROUTES,
  ...userRoutes,
  ...signingKeyRoutes,
  ...quoteRoutes,
])

const NO_PROGRESS: Progress = { report() {}, signal: new AbortController().signal }

/** Answers one request; never throws. */
export async function handleOperatorRequest(
  { method, path, body }: OperatorRequest,
  context: OperatorServices,
  progress: Progress = NO_PROGRESS,
): Promise<OperatorResponse> {
  const url = URL.parse(path, 'http://operator')
  if (!url) return { status: 400, body: { error: 'the path is not one' } }
  const handler = ROUTES.get(`${method} ${url.pathname}`)
  if (!handler) return { status: 404, body: { error: `no such operation: ${method} ${url.pathname}` } }
  const input = method === 'GET' ? Object.fromEntries(url.searchParams) : body
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { status: 400, body: { error: 'the body must be a JSON object' } }
  const requestId = context.runtime.uuid()
  try {
    return { status: 200, body: await handler(input as Input, context, requestId, progress) }
  } catch (error) {
    if (error instanceof SealError || (error instanceof ServiceError && !error.serverFault))
      return { status: 400, body: { error: error.message } }
    if (progress.signal.aborted) return { status: 499, body: { error: 'interrupted' } }
    context.log.error({ err: error, requestId }, 'an operator request failed')
    return { status: 500, body: { error: 'internal error; the server log says more' } }
  }
}
