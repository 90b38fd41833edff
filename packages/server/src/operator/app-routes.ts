import type { AppSettings } from '../tenants/index.ts'
import type { AppRow } from '../storage/index.ts'
import { invalidParameter, pages } from '../foundation/index.ts'
import { optionalNumber, text, type Handler, type OperatorOperation } from './input.ts'

const PAGE = 1000
const MAX_OVERLAP_MS = 366 * 24 * 60 * 60 * 1000

const listApps: Handler = async (_input, { storage }) => {
  const apps: unknown[] = []
  const read = (last: AppRow | null, limit: number) => storage.listApps({ after: last?.id ?? null, limit })
  for await (const page of pages(PAGE, read)) for (const { id: appid, ...settings } of page) apps.push({ appid, ...settings })
  return { apps }
}

const showApp: Handler = async (input, { storage }) => {
  const appid = text(input, 'appid')
  const found = await storage.findApp({ id: appid })
  if (!found) throw invalidParameter(`there is no app ${appid}`)
  const { id: _, ...settings } = found.app
  return { appid, ...settings, apikeys: found.apiKeys.map(({ id: key, createdAt, expiresAt }) => ({ id: key, createdAt, expiresAt })) }
}

const setApp: Handler = async (input, { apps }, call) => {
  const appid = text(input, 'appid')
  const settings: AppSettings = {}
  for (const name of ['strictSignature', 'acceptUpperCase', 'enabled'] as const) {
    if (input[name] === undefined) continue
    if (typeof input[name] !== 'boolean') throw invalidParameter(`${name} must be true or false`)
    settings[name] = input[name]
  }
  if (Object.keys(settings).length === 0) throw invalidParameter('no setting was given')
  if (!(await apps.update(call, appid, settings))) throw invalidParameter(`there is no app ${appid}`)
  return { appid, ...settings }
}

const rotateKey: Handler = async (input, { apps }, call) => {
  const appid = text(input, 'appid')
  const overlap = optionalNumber(input, 'overlapMs', 0, MAX_OVERLAP_MS) ?? 0
  return { appid, ...(await apps.rotateKey(call, appid, overlap)) }
}

export const appOperations: readonly OperatorOperation[] = [
  { name: 'ListApps', method: 'GET', path: '/v1/apps', right: 'server:read', handle: listApps },
  { name: 'DescribeApp', method: 'GET', path: '/v1/apps/show', right: 'server:read', handle: showApp },
  { name: 'UpdateApp', method: 'POST', path: '/v1/apps/set', right: 'server:manage', handle: setApp },
  { name: 'RotateApiKey', method: 'POST', path: '/v1/apps/rotate-key', right: 'server:manage', handle: rotateKey },
]
