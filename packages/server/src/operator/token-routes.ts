import type { EnrollTokenSummary } from '../storage/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import { freeText, optionalNumber, text, type Handler } from './input.ts'

/** Characters of a label or of a value that is looked for. */
const MAX_TEXT = 1024

const PAGE = 500
const DAY_MS = 24 * 60 * 60 * 1000
const MAX_LIFE_MS = 366 * DAY_MS

const create: Handler = async (input, { enrollTokens }, requestId) => {
  const label = freeText(input, 'label', MAX_TEXT) ?? ''
  const lifeMs = optionalNumber(input, 'lifeMs', 1_000, MAX_LIFE_MS) ?? DAY_MS
  return enrollTokens.create({ label, lifeMs }, { name: 'operator', requestId })
}

const list: Handler = async (_input, { storage }) => {
  const tokens: EnrollTokenSummary[] = []
  for (let before: EnrollTokenSummary | null = null; ; before = tokens.at(-1)!) {
    const page = await storage.listEnrollTokens({ before, limit: PAGE })
    tokens.push(...page)
    if (page.length < PAGE) return { tokens: tokens.map(({ appId, ...token }) => ({ ...token, appid: appId })) }
  }
}

const revoke: Handler = async (input, { enrollTokens }, requestId) => {
  const token = text(input, 'id')
  if (!(await enrollTokens.revoke(token, { name: 'operator', requestId })))
    throw invalidParameter(`there is no enrolment token ${token} that could still be used`)
  return { id: token }
}

export const TOKEN_ROUTES: readonly [string, Handler][] = [
  ['POST /v1/enroll-tokens/create', create],
  ['GET /v1/enroll-tokens', list],
  ['POST /v1/enroll-tokens/revoke', revoke],
]
