import { MAX_SECRET_NAME, name } from '../fields.ts'
import { BASE64, operation, resultSchema, STRING } from '../operation.ts'

const MAX_URL = 2048

const base = { method: 'POST', permission: 'app', payloadRequired: false } as const

/** Ours: not in the document. */
export const rotationOperations = [
  operation({
    ...base,
    name: 'RotateSecret',
    right: 'secrets:manage',
    summary: "Makes a secret's rotation due now; it runs in the background.",
    notes: 'Ours: not in the document.',
    fields: { secretName: name(MAX_SECRET_NAME) },
    object: 'secretName',
    result: resultSchema(),
    async handle({ secretName }, call, { secrets }) {
      await secrets.rotation.request(call, secretName)
      return {}
    },
  }),
  operation({
    ...base,
    name: 'SetRotationWebhook',
    right: 'secrets:manage',
    summary: "Registers the webhook that supplies the app's new secret values; returns the key that signs the requests to it, only once.",
    notes: 'Ours: not in the document.',
    fields: { url: name(MAX_URL, { description: 'https://, or http:// to a loopback address where that is allowed.' }) },
    result: resultSchema({ url: STRING, signingKey: BASE64 }),
    async handle({ url }, call, { secrets }) {
      return { url, signingKey: await secrets.webhooks.set(call, url) }
    },
  }),
  operation({
    ...base,
    name: 'DescribeRotationWebhook',
    right: 'secrets:read',
    summary: "Returns the app's rotation webhook, or null if there is none.",
    notes: 'Ours: not in the document.',
    fields: {},
    result: resultSchema({ url: { type: ['string', 'null'] }, createdAt: { type: ['integer', 'null'] } }),
    async handle(_input, call, { secrets }) {
      const webhook = await secrets.webhooks.describe(call.principal)
      return { url: webhook?.url ?? null, createdAt: webhook?.createdAt ?? null }
    },
  }),
  operation({
    ...base,
    name: 'DeleteRotationWebhook',
    right: 'secrets:manage',
    summary: "Removes the app's rotation webhook; rotations then renew only the data keys.",
    notes: 'Ours: not in the document.',
    fields: {},
    result: resultSchema(),
    async handle(_input, call, { secrets }) {
      await secrets.webhooks.remove(call)
      return {}
    },
  }),
]
