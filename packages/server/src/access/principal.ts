import { APP_RIGHTS, KEY_MANAGER_CLIENT_RIGHTS, NO_RIGHTS, OPERATOR_RIGHTS, ROLE_RIGHTS, type Rights, type Role } from './rights.ts'

/** The identified caller: the same for every edge. */
export interface Principal {
  readonly kind: 'app' | 'user' | 'client' | 'operator' | 'anonymous' | 'system'
  /** The tenant whose resources it sees: the id of an app or a user; '' for operators, the server itself and callers not yet identified. */
  readonly tenant: string
  /**
   * Its name in the trail: an appid, `user:` and a User-Id, `client:` and a certificate's
   * name, `operator` with a user's number and account, `enroll`, `anybody` or `system`.
   */
  readonly subject: string
  readonly rights: Rights
  /** The role of a user's credential; for the text of refusals. */
  readonly role?: Role
  /** The one node that it may attest, if its credential is pinned to one. */
  readonly node?: string | undefined
}

/** The server's own background work. */
export const SYSTEM: Principal = { kind: 'system', tenant: '', subject: 'system', rights: NO_RIGHTS }

/** A caller without a credential, where none is needed. */
export const ANYBODY: Principal = { kind: 'anonymous', tenant: '', subject: 'anybody', rights: NO_RIGHTS }

/** A caller that becomes an app or a user by this very call. */
export const ENROLLING: Principal = { kind: 'anonymous', tenant: '', subject: 'enroll', rights: NO_RIGHTS }

/** Someone who can open the operator socket, or the store itself. */
export const OPERATOR: Principal = { kind: 'operator', tenant: '', subject: 'operator', rights: OPERATOR_RIGHTS }

/** An operator with a name: the user, and the account if there is one. */
export function operatorPrincipal(uid: number, account: string | undefined): Principal {
  return { ...OPERATOR, subject: `operator:${uid}${account === undefined ? '' : `:${account}`}` }
}

/** An app that has proved itself by its API key. */
export function appPrincipal(appId: string): Principal {
  return { kind: 'app', tenant: appId, subject: appId, rights: APP_RIGHTS }
}

/** A user of the attestation authority, with the rights of the credential that it presented. */
export function userPrincipal(user: string, role: Role, node?: string): Principal {
  return { kind: 'user', tenant: user, subject: `user:${user}`, rights: ROLE_RIGHTS[role], role, node }
}

/** A client of the key manager's listener, by a name in the certificate that it presented. */
export function clientPrincipal(name: string): Principal {
  return { kind: 'client', tenant: '', subject: `client:${name}`, rights: KEY_MANAGER_CLIENT_RIGHTS }
}
