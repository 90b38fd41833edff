import type { Call } from '../access/index.ts'
import type { AuditRow } from '../storage/index.ts'

/** What a call may cause in addition to what it is named for. */
export type Effect =
  'CreateDomainKey' | 'DeleteCrl' | 'DestroySecret' | 'PruneSecretVersions' | 'PutCrl' | 'ReplaceApiKey' | 'RetireDomainKeys'

/**
 * The record of a change, named after the call that makes it; it is stored in the transaction of the change. Never holds content.
 * @param object what was changed, by id; '' if only the transaction knows, or if `detail` names it
 */
export function changeRecord(call: Call, object: string, at: number, detail?: Record<string, unknown>): AuditRow {
  const { principal, action, requestId, userName } = call
  const facts = userName === undefined ? detail : { ...detail, userName }
  return {
    at,
    tenant: principal.tenant,
    actor: principal.subject,
    action,
    object,
    result: 'ok',
    requestId,
    detail: facts ? JSON.stringify(facts) : null,
  }
}

/** As {@link changeRecord}, for side effects of a call. */
export function effectRecord(call: Call, effect: Effect, object: string, at: number, detail?: Record<string, unknown>): AuditRow {
  return changeRecord({ ...call, action: effect }, object, at, detail)
}
