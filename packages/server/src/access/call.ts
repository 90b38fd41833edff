import { SYSTEM, type Principal } from './principal.ts'

/** One call: the caller, the operation and the request. Domains receive it where the trail must record what was changed and by whom. */
export interface Call {
  readonly principal: Principal
  /** The operation's name in the trail, whatever the wire calls it. */
  readonly action: string
  readonly requestId: string
  /** The name that the caller claims; unproven. */
  readonly userName?: string | undefined
}

/** What the server does by itself, under its names in the trail. */
export type SystemAction =
  | 'CreateAkAuthority'
  | 'CreateEnrollToken'
  | 'CreateSigningKey'
  | 'DestroyKey'
  | 'DestroySecret'
  | 'ReplaceThread'
  | 'ResignRows'
  | 'RotateSecret'
  | 'RotateSigningKey'
  | 'StartServer'
  | 'StopServer'

/** A call of the server's own. */
export function systemCall(action: SystemAction): Call {
  return { principal: SYSTEM, action, requestId: '' }
}
