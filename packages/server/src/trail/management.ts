import type { AuditRow } from '../storage/index.ts'

/** Who asks for a change: an app by its id, `user:` and a User-Id, `operator`, `enroll` or `system`. */
export interface Actor {
  name: string
  requestId: string
  /** What the caller says its name is; unproven. */
  userName?: string
}

/** The server's own background work. */
export const SYSTEM_ACTOR: Actor = { name: 'system', requestId: '' }

/** The audit record of a management change; it is stored in the transaction of the change. Never holds content. */
export function managementAudit(actor: Actor, action: string, object: string, at: number, detail?: Record<string, unknown>): AuditRow {
  const facts = actor.userName === undefined ? detail : { ...detail, userName: actor.userName }
  return { at, actor: actor.name, action, object, result: 'ok', requestId: actor.requestId, detail: facts ? JSON.stringify(facts) : null }
}
