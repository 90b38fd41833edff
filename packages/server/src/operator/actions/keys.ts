import { Type } from 'typebox'
import { ID, TIME, operation, orNull } from '../operation.ts'

const KEY = { keyid: Type.String(), appid: Type.String(), keyspec: Type.String(), alias: Type.String() }

export const keyOperations = [
  operation({
    name: 'RestoreKey',
    summary: 'Restores a deleted key, which is then disabled; with `appid`, only if it is a key of that app.',
    method: 'POST',
    path: '/v1/keys/restore',
    right: 'server:manage',
    object: 'keyid',
    input: { keyid: ID, appid: Type.Optional(ID) },
    result: Type.Object({ ...KEY, status: Type.String() }),
    async handle({ keyid, appid }, call, { keys, keySpecWord }) {
      const row = await keys.restore(call, keyid, appid ?? null)
      return { keyid: row.id, appid: row.appId, keyspec: keySpecWord(row.spec), alias: row.alias, status: 'disabled' }
    },
  }),
  operation({
    name: 'ListDeletedKeys',
    summary: 'Lists deleted keys that can be restored, of one app or of all.',
    method: 'GET',
    path: '/v1/keys/deleted',
    right: 'server:read',
    object: 'appid',
    input: { appid: Type.Optional(ID) },
    result: Type.Object({ keys: Type.Array(Type.Object({ ...KEY, deletedAt: orNull(TIME), destroyAt: orNull(TIME) })) }),
    async handle({ appid }, _call, { keys, keySpecWord }) {
      const pages = await Array.fromAsync(keys.listDeleted(appid ?? null))
      const list = pages.flat().map((key) => ({
        ...{ keyid: key.id, appid: key.appId, keyspec: keySpecWord(key.spec), alias: key.alias },
        ...{ deletedAt: key.deletedAt, destroyAt: key.destroyAt },
      }))
      return { keys: list }
    },
  }),
]
