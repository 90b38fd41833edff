import { SYSTEM, type Principal } from './principal.ts'

/** One call: who does what, and by which request. Domains get it where the trail must tell what was changed and by whom. */
export interface Call {
  readonly principal: Principal
  /** The operation's name in the trail, whatever the wire calls it. */
  readonly action: string
  readonly requestId: string
  /** What the caller says its name is; unproven. */
  readonly userName?: string | undefined
}

/** What the server does by itself, under the names that the trail has for it. */
export type SystemAction =
  'CreateAkAuthority' | 'CreateSigningKey' | 'DestroyKey' | 'DestroySecret' | 'ResignRows' | 'RotateSecret' | 'RotateSigningKey'

/** A call of the server's own. */
export function systemCall(action: SystemAction): Call {
  return { principal: SYSTEM, action, requestId: '' }
}
