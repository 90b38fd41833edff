import type { KeySummary } from '../storage/index.ts'
import { optionalText, text, type Handler } from './input.ts'

const restore: Handler = async (input, { keys, keySpecWord }, requestId) => {
  const row = await keys.restore(text(input, 'keyid'), optionalText(input, 'appid') ?? null, { name: 'operator', requestId })
  return { keyid: row.id, appid: row.appId, keyspec: keySpecWord(row.spec), alias: row.alias, status: 'disabled' }
}

const listDeleted: Handler = async (input, { keys, keySpecWord }) => {
  const list: unknown[] = []
  for await (const page of keys.listDeleted(optionalText(input, 'appid') ?? null))
    list.push(...page.map((key) => deletedKey(key, keySpecWord)))
  return { keys: list }
}

function deletedKey({ id: keyid, appId, spec, alias, deletedAt, destroyAt }: KeySummary, keySpecWord: (spec: string) => string) {
  return { keyid, appid: appId, keyspec: keySpecWord(spec), alias, deletedAt, destroyAt }
}

export const KEY_ROUTES: readonly [string, Handler][] = [
  ['POST /v1/keys/restore', restore],
  ['GET /v1/keys/deleted', listDeleted],
]
