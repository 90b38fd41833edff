import { EHSM } from '@vouchsafe/operations'
import { MAX_SECRET_NAME, name } from '../fields.ts'
import { BASE64, operation, resultSchema, STRING } from '../operation.ts'

const MAX_URL = 2048

/** Ours: not in the document. */
export const rotationOperations = [
  operation(EHSM.RotateSecret, {
    fields: { secretName: name(MAX_SECRET_NAME) },
    result: resultSchema(),
    async handle({ secretName }, call, { secrets }) {
      await secrets.rotation.request(call, secretName)
      return {}
    },
  }),
  operation(EHSM.SetRotationWebhook, {
    fields: { url: name(MAX_URL, { description: 'https://, or http:// to a loopback address where that is allowed.' }) },
    result: resultSchema({ url: STRING, signingKey: BASE64 }),
    async handle({ url }, call, { secrets }) {
      return { url, signingKey: await secrets.webhooks.set(call, url) }
    },
  }),
  operation(EHSM.DescribeRotationWebhook, {
    fields: {},
    result: resultSchema({ url: { type: ['string', 'null'] }, createdAt: { type: ['integer', 'null'] } }),
    async handle(_input, call, { secrets }) {
      const webhook = await secrets.webhooks.describe(call.principal)
      return { url: webhook?.url ?? null, createdAt: webhook?.createdAt ?? null }
    },
  }),
  operation(EHSM.DeleteRotationWebhook, {
    fields: {},
    result: resultSchema(),
    async handle(_input, call, { secrets }) {
      await secrets.webhooks.remove(call)
      return {}
    },
  }),
]
