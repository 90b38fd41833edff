import type { AuditFilter } from '../storage/index.ts'
import { freeText, optionalNumber, type Handler, type OperatorOperation } from './input.ts'

/** Characters of a label or of a value that is looked for. */
const MAX_TEXT = 1024

const MAX_ROWS = 10_000
const MAX_TIME = Number.MAX_SAFE_INTEGER

/** Management changes, from the store. The lines of calls lie in files; the running server writes what it still holds of them. */
const query: Handler = async (input, { storage, trail }) => {
  await trail?.flush()
  const filter: AuditFilter = {
    actor: freeText(input, 'actor', MAX_TEXT),
    action: freeText(input, 'action', MAX_TEXT),
    object: freeText(input, 'object', MAX_TEXT),
    result: freeText(input, 'result', MAX_TEXT),
    requestId: freeText(input, 'requestId', MAX_TEXT),
    since: optionalNumber(input, 'since', 0, MAX_TIME),
    until: optionalNumber(input, 'until', 0, MAX_TIME),
  }
  return { rows: await storage.queryAudit({ filter, limit: optionalNumber(input, 'limit', 1, MAX_ROWS) ?? 100 }) }
}

export const auditOperations: readonly OperatorOperation[] = [
  { name: 'QueryAudit', method: 'GET', path: '/v1/audit', right: 'server:read', handle: query },
]
