import type { KeySummary } from '../storage/index.ts'
import { optionalText, text, type Handler, type OperatorOperation } from './input.ts'

const restore: Handler = async (input, { keys }, call) => {
  const row = await keys.restore(call, text(input, 'keyid'), optionalText(input, 'appid') ?? null)
  return { keyid: row.id, appid: row.appId, keyspec: row.spec, alias: row.alias, status: 'disabled' }
}

const listDeleted: Handler = async (input, { keys }) => {
  const list: unknown[] = []
  for await (const page of keys.listDeleted(optionalText(input, 'appid') ?? null)) list.push(...page.map(deletedKey))
  return { keys: list }
}

function deletedKey({ id: keyid, appId, spec, alias, deletedAt, destroyAt }: KeySummary) {
  return { keyid, appid: appId, keyspec: spec, alias, deletedAt, destroyAt }
}

export const keyOperations: readonly OperatorOperation[] = [
  { name: 'RestoreKey', method: 'POST', path: '/v1/keys/restore', right: 'server:manage', handle: restore },
  { name: 'ListDeletedKeys', method: 'GET', path: '/v1/keys/deleted', right: 'server:read', handle: listDeleted },
]
