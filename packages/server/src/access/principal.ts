import { APP_RIGHTS, KEY_MANAGER_CLIENT_RIGHTS, NO_RIGHTS, OPERATOR_RIGHTS, ROLE_RIGHTS, type Rights, type Role } from './rights.ts'

/** Who calls, once that is known: the same for every edge. */
export interface Principal {
  readonly kind: 'app' | 'user' | 'client' | 'operator' | 'anonymous' | 'system'
  /** Whose things it sees: an app's or a user's id; '' for operators, the server itself and callers that are nobody yet. */
  readonly tenant: string
  /**
   * What the trail calls it: an appid, `user:` and a User-Id, `client:` and a certificate's
   * name, `operator`, `enroll`, `anybody` or `system`.
   */
  readonly subject: string
  readonly rights: Rights
  /** The role of a user's credential; for what a refusal says. */
  readonly role?: Role
  /** The one node that it may attest, if its credential is pinned to one. */
  readonly node?: string | undefined
}

/** The server's own background work. */
export const SYSTEM: Principal = { kind: 'system', tenant: '', subject: 'system', rights: NO_RIGHTS }

/** A caller that has no credential, where none is needed. */
export const ANYBODY: Principal = { kind: 'anonymous', tenant: '', subject: 'anybody', rights: NO_RIGHTS }

/** A caller that becomes an app or a user by this very call. */
export const ENROLLING: Principal = { kind: 'anonymous', tenant: '', subject: 'enroll', rights: NO_RIGHTS }

/** Whoever may open the operator socket, or the store itself. */
export const OPERATOR: Principal = { kind: 'operator', tenant: '', subject: 'operator', rights: OPERATOR_RIGHTS }

/** An app that has proved itself by its API key. */
export function appPrincipal(appId: string): Principal {
  return { kind: 'app', tenant: appId, subject: appId, rights: APP_RIGHTS }
}

/** A user of the attestation authority, with what the credential that it showed allows. */
export function userPrincipal(user: string, role: Role, node?: string): Principal {
  return { kind: 'user', tenant: user, subject: `user:${user}`, rights: ROLE_RIGHTS[role], role, node }
}

/** A client of the key manager's listener, by a name of the certificate that it showed. */
export function clientPrincipal(name: string): Principal {
  return { kind: 'client', tenant: '', subject: `client:${name}`, rights: KEY_MANAGER_CLIENT_RIGHTS }
}
