import { Type } from 'typebox'
import { invalidParameter } from '../../foundation/index.ts'
import { ID, TIME, operation, orNull } from '../operation.ts'

const MAX_OVERLAP_MS = 366 * 24 * 60 * 60 * 1000

const SETTINGS = {
  enabled: Type.Boolean(),
  strictSignature: Type.Boolean({ description: 'requests must carry X-Vouchsafe-Signature' }),
  acceptUpperCase: Type.Boolean({ description: 'signatures in upper case are accepted' }),
}
const CHANGES = {
  enabled: Type.Optional(SETTINGS.enabled),
  strictSignature: Type.Optional(SETTINGS.strictSignature),
  acceptUpperCase: Type.Optional(SETTINGS.acceptUpperCase),
}
const APP = { appid: Type.String(), ...SETTINGS, createdAt: TIME }
const API_KEY = Type.Object({ id: Type.String(), createdAt: TIME, expiresAt: orNull(TIME) })

const missing = (appid: string) => invalidParameter(`there is no app ${appid}`)

export const appOperations = [
  operation({
    name: 'ListApps',
    summary: 'Lists the apps.',
    method: 'GET',
    path: '/v1/apps',
    right: 'server:read',
    input: {},
    result: Type.Object({ apps: Type.Array(Type.Object(APP)) }),
    async handle(_input, _call, { apps }) {
      const pages = await Array.fromAsync(apps.list())
      return { apps: pages.flat().map(({ id: appid, ...settings }) => ({ appid, ...settings })) }
    },
  }),
  operation({
    name: 'DescribeApp',
    summary: 'Shows an app with its API keys, without the keys themselves.',
    method: 'GET',
    path: '/v1/apps/show',
    right: 'server:read',
    object: 'appid',
    input: { appid: ID },
    result: Type.Object({ ...APP, apikeys: Type.Array(API_KEY) }),
    async handle({ appid }, _call, { apps }) {
      const found = await apps.describe(appid)
      if (!found) throw missing(appid)
      const { id: _, ...settings } = found.app
      return { appid, ...settings, apikeys: found.apiKeys }
    },
  }),
  operation({
    name: 'UpdateApp',
    summary: 'Changes the settings of an app; fields that are absent stay as they are.',
    method: 'POST',
    path: '/v1/apps/set',
    right: 'server:manage',
    object: 'appid',
    input: { appid: ID, ...CHANGES },
    result: Type.Object({ appid: Type.String(), ...CHANGES }),
    async handle({ appid, ...settings }, call, { apps }) {
      if (Object.keys(settings).length === 0) throw invalidParameter(`no setting was given: ${Object.keys(CHANGES).join(', ')}`)
      if (!(await apps.update(call, appid, settings))) throw missing(appid)
      return { appid, ...settings }
    },
  }),
  operation({
    name: 'RotateApiKey',
    summary: 'Creates a new API key for an app, which is shown only once; the old one works for `overlapMs` longer (default 0).',
    method: 'POST',
    path: '/v1/apps/rotate-key',
    right: 'server:manage',
    object: 'appid',
    input: { appid: ID, overlapMs: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_OVERLAP_MS })) },
    result: Type.Object({ appid: Type.String(), apikey: Type.String(), oldUntil: TIME }),
    async handle({ appid, overlapMs = 0 }, call, { apps }) {
      return { appid, ...(await apps.rotateKey(call, appid, overlapMs)) }
    },
  }),
]
