/**
 * What a caller may do, by area and kind of action. `use` needs the content of a key or secret, `read` only looks, `manage` makes
 * changes. Every operation of every edge names the one right that it needs, or null where listener and settings decide.
 */
const AREAS = ['keys', 'secrets', 'quotes', 'attestation', 'signing-keys', 'server'] as const
const ACTIONS = ['use', 'read', 'manage'] as const

export type Right = `${(typeof AREAS)[number]}:${(typeof ACTIONS)[number]}`
export type Rights = ReadonlySet<Right>

/** What a credential of a user of the attestation authority is for. */
export type Role = 'attester' | 'auditor' | 'owner'

const all = (area: (typeof AREAS)[number]): Right[] => ACTIONS.map((action) => `${area}:${action}` as const)

/** Only what anyone may do. */
export const NO_RIGHTS: Rights = new Set()

/** An app may do everything with the keys, secrets and quotes of its tenant. */
export const APP_RIGHTS: Rights = new Set([...all('keys'), ...all('secrets'), ...all('quotes')])

/** A user's rights follow from its credential's role: attesters attest, auditors read, owners do everything. */
export const ROLE_RIGHTS: Readonly<Record<Role, Rights>> = {
  attester: new Set<Right>(['attestation:use']),
  auditor: new Set<Right>(['attestation:read']),
  owner: new Set(all('attestation')),
}

/** A listed client of the key manager reads the authority's private signing keys. */
export const KEY_MANAGER_CLIENT_RIGHTS: Rights = new Set<Right>(['signing-keys:use'])

/** Operators run the server; they never use a tenant's keys or read its secrets. */
export const OPERATOR_RIGHTS: Rights = new Set(all('server'))
