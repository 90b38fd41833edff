import type { EnrollTokenSummary } from '../storage/index.ts'
import { invalidParameter, pages } from '../foundation/index.ts'
import { freeText, optionalNumber, text, type Handler, type OperatorOperation } from './input.ts'

/** Characters of a label or of a value that is looked for. */
const MAX_TEXT = 1024

const PAGE = 500
const DAY_MS = 24 * 60 * 60 * 1000
const MAX_LIFE_MS = 366 * DAY_MS

const create: Handler = async (input, { enrollTokens }, call) => {
  const label = freeText(input, 'label', MAX_TEXT) ?? ''
  const lifeMs = optionalNumber(input, 'lifeMs', 1_000, MAX_LIFE_MS) ?? DAY_MS
  return enrollTokens.create(call, { label, lifeMs })
}

const list: Handler = async (_input, { storage }) => {
  const tokens: unknown[] = []
  const read = (before: EnrollTokenSummary | null, limit: number) => storage.listEnrollTokens({ before, limit })
  for await (const page of pages(PAGE, read)) for (const { appId, ...token } of page) tokens.push({ ...token, appid: appId })
  return { tokens }
}

const revoke: Handler = async (input, { enrollTokens }, call) => {
  const token = text(input, 'id')
  if (!(await enrollTokens.revoke(call, token))) throw invalidParameter(`there is no enrolment token ${token} that could still be used`)
  return { id: token }
}

export const enrollTokenOperations: readonly OperatorOperation[] = [
  { name: 'CreateEnrollToken', method: 'POST', path: '/v1/enroll-tokens/create', right: 'server:manage', handle: create },
  { name: 'ListEnrollTokens', method: 'GET', path: '/v1/enroll-tokens', right: 'server:read', handle: list },
  { name: 'RevokeEnrollToken', method: 'POST', path: '/v1/enroll-tokens/revoke', right: 'server:manage', handle: revoke },
]
