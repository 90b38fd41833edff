/**
 * What operators may do: one table of routes, served on the operator socket of a running server, or called in the operator's own process
 * when no server runs.
 */
import type { AppContext } from '../context.ts'
import { ServiceError } from '../errors.ts'
import type { KeySummary } from '../storage/index.ts'
import type { AppSettings } from '../tenants/apps.ts'
import { optionalText, text, type Handler, type Input } from './input.ts'
import { signingKeyRoutes } from './signing-keys.ts'
import { userRoutes } from './users.ts'

export interface OperatorRequest {
  method: string
  /** With its query. */
  path: string
  body: unknown
}

export interface OperatorResponse {
  status: number
  body: unknown
}

const PAGE = 1000

/** By method and path; GET takes its input from the query. */
const ROUTES: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['POST /v1/keys/restore', restoreKey],
  ['GET /v1/keys/deleted', listDeletedKeys],
  ['GET /v1/apps', listApps],
  ['POST /v1/apps/set', setApp],
  ...userRoutes,
  ...signingKeyRoutes,
])

/** Answers one request; never throws. */
export async function handleOperatorRequest({ method, path, body }: OperatorRequest, context: AppContext): Promise<OperatorResponse> {
  const url = URL.parse(path, 'http://operator')
  if (!url) return { status: 400, body: { error: 'the path is not one' } }
  const handler = ROUTES.get(`${method} ${url.pathname}`)
  if (!handler) return { status: 404, body: { error: `no such operation: ${method} ${url.pathname}` } }
  const input = method === 'GET' ? Object.fromEntries(url.searchParams) : body
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { status: 400, body: { error: 'the body must be a JSON object' } }
  const requestId = context.platform.uuid()
  try {
    return { status: 200, body: await handler(input as Input, context, requestId) }
  } catch (error) {
    if (error instanceof ServiceError && error.kind !== 'internal') return { status: 400, body: { error: error.message } }
    context.log.error({ err: error, requestId }, 'an operator request failed')
    return { status: 500, body: { error: 'internal error; the server log says more' } }
  }
}

async function restoreKey(input: Input, { keys }: AppContext, requestId: string) {
  const row = await keys.restore(text(input, 'keyid'), optionalText(input, 'appid') ?? null, { name: 'operator', requestId })
  return { keyid: row.id, appid: row.appId, keyspec: row.spec, alias: row.alias, status: 'disabled' }
}

async function listDeletedKeys(input: Input, { keys }: AppContext) {
  const list: unknown[] = []
  for await (const page of keys.listDeleted(optionalText(input, 'appid') ?? null)) list.push(...page.map(deletedKey))
  return { keys: list }
}

function deletedKey({ id, appId, spec, alias, deletedAt, destroyAt }: KeySummary) {
  return { keyid: id, appid: appId, keyspec: spec, alias, deletedAt, destroyAt }
}

async function listApps(_input: Input, { storage }: AppContext) {
  const apps: unknown[] = []
  let after: string | null = null
  for (;;) {
    const page: Awaited<ReturnType<typeof storage.listApps>> = await storage.listApps({ after, limit: PAGE })
    for (const { id, ...settings } of page) apps.push({ appid: id, ...settings })
    if (page.length < PAGE) return { apps }
    after = page.at(-1)!.id
  }
}

async function setApp(input: Input, { apps }: AppContext, requestId: string) {
  const appid = text(input, 'appid')
  const settings: AppSettings = {}
  for (const name of ['strictSignature', 'acceptUpperCase', 'enabled'] as const) {
    if (input[name] === undefined) continue
    if (typeof input[name] !== 'boolean') throw new ServiceError('invalid_parameter', { message: `${name} must be true or false` })
    settings[name] = input[name]
  }
  if (Object.keys(settings).length === 0) throw new ServiceError('invalid_parameter', { message: 'no setting was given' })
  if (!(await apps.update(appid, settings, 'operator', requestId))) {
    throw new ServiceError('invalid_parameter', { message: `there is no app ${appid}` })
  }
  return { appid, ...settings }
}
