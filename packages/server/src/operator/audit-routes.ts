import type { AuditFilter } from '../storage/index.ts'
import { type Handler, optionalNumber, optionalText } from './route.ts'

const MAX_ROWS = 10_000
const MAX_TIME = Number.MAX_SAFE_INTEGER

/** Management changes, from the store. The lines of calls lie in files; the running server writes what it still holds of them. */
const query: Handler = async (input, { context: { storage, callLog } }) => {
  await callLog?.flush()
  const filter: AuditFilter = {
    actor: optionalText(input, 'actor'),
    action: optionalText(input, 'action'),
    object: optionalText(input, 'object'),
    result: optionalText(input, 'result'),
    requestId: optionalText(input, 'requestId'),
    since: optionalNumber(input, 'since', 0, MAX_TIME),
    until: optionalNumber(input, 'until', 0, MAX_TIME),
  }
  return { rows: await storage.queryAudit({ filter, limit: optionalNumber(input, 'limit', 1, MAX_ROWS) ?? 100 }) }
}

export const AUDIT_ROUTES: readonly [string, Handler][] = [['GET /v1/audit', query]]
