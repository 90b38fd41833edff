import type { AuditRow } from '../storage/index.ts'

/** Who asks for a change: an app by its id, `operator`, `enroll` or `system`. */
export interface Actor {
  name: string
  requestId: string
}

/** The server's own background work. */
export const SYSTEM_ACTOR: Actor = { name: 'system', requestId: '' }

/** The audit record of a management change; it is stored in the transaction of the change. Never holds content. */
export function managementAudit(actor: Actor, action: string, object: string, at: number, detail?: Record<string, unknown>): AuditRow {
  return { at, actor: actor.name, action, object, result: 'ok', requestId: actor.requestId, detail: detail ? JSON.stringify(detail) : null }
}
