import type { EnrollTokenSummary } from '../storage/index.ts'
import { type Handler, id, optionalNumber, optionalText, refused } from './route.ts'

const PAGE = 500
const DAY_MS = 24 * 60 * 60 * 1000
const MAX_LIFE_MS = 366 * DAY_MS

const create: Handler = async (input, { context: { enrollTokens }, requestId }) => {
  const label = optionalText(input, 'label') ?? ''
  const lifeMs = optionalNumber(input, 'lifeMs', 1_000, MAX_LIFE_MS) ?? DAY_MS
  return enrollTokens.create({ label, lifeMs }, { name: 'operator', requestId })
}

const list: Handler = async (_input, { context: { storage } }) => {
  const tokens: EnrollTokenSummary[] = []
  for (let before: EnrollTokenSummary | null = null; ; before = tokens.at(-1)!) {
    const page = await storage.listEnrollTokens({ before, limit: PAGE })
    tokens.push(...page)
    if (page.length < PAGE) return { tokens: tokens.map(({ appId, ...token }) => ({ ...token, appid: appId })) }
  }
}

const revoke: Handler = async (input, { context: { enrollTokens }, requestId }) => {
  const token = id(input, 'id')
  if (!(await enrollTokens.revoke(token, { name: 'operator', requestId })))
    throw refused(`there is no enrolment token ${token} that could still be used`)
  return { id: token }
}

export const TOKEN_ROUTES: readonly [string, Handler][] = [
  ['POST /v1/enroll-tokens/create', create],
  ['GET /v1/enroll-tokens', list],
  ['POST /v1/enroll-tokens/revoke', revoke],
]
