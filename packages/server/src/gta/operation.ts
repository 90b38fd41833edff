import { Type, type Static, type TSchema } from 'typebox'
import type { Call, Right } from '../access/index.ts'
import type { Attestation } from '../attestation/index.ts'
import { text, type RateClass } from '../edge/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { SigningKeys } from '../signing-keys/index.ts'
import type { UserRole } from '../storage/index.ts'
import type { Identity, Users } from '../tenants/index.ts'

export { text }

/** What the operations of this edge work with. */
export interface GtaServices extends Attestation {
  users: Users
  signingKeys: SigningKeys
  runtime: Runtime
  /** Who may enrol as a user without an operator, and how many in all. */
  enrolment: { mode: 'open' | 'closed'; limit: number }
}

/** One admitted call of this edge. */
export interface GtaCall extends Call {
  /** The identity proved by a credential; undefined for a User-Id alone. */
  identity: Identity | undefined
  /** Sent by a program on this machine, and not through a proxy. */
  local: boolean
}

/** Who may call: a role (an owner may do everything), anybody or, for `enrolment`, callers that listener and settings admit. */
export type Permission = UserRole | 'public' | 'enrolment'

export interface Input<B extends TSchema, Q extends TSchema> {
  body: Static<B>
  query: Static<Q>
}

/** An operation of the edge: routes, checks, documentation and tests are derived from it. */
export interface Operation<B extends TSchema = TSchema, Q extends TSchema = TSchema> {
  name: string
  /** Its name in the trail, if that differs. */
  record?: string
  summary: string
  /** For the reader of the documentation. */
  notes?: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below each prefix of the service, or absolute for operations of our own. The first is the usual one. */
  paths: readonly [string, ...string[]]
  absolute?: true
  permission: Permission
  /** The right that the caller needs; null for public operations and for enrolment. Follows from {@link permission}. */
  right: Right | null
  rate: RateClass
  body?: B
  query?: Q
  /** `evidence`: up to the option `evidence-limit`; otherwise 1 MiB. */
  bodyLimit?: 'evidence'
  /** Whether refusals include the service's version. */
  versioned?: true
  result: TSchema
  /** Whether the call log records each call; changes are audited in their transaction instead. */
  logged?: true
  /** The object that the call log names: a node, a token's id. Anything; it is escaped. */
  object?(input: Input<B, Q>): string
  handle(input: Input<B, Q>, call: GtaCall, services: GtaServices): Promise<unknown>
}

/** Preserves the types of one operation in the table. */
export function operation<B extends TSchema = TSchema, Q extends TSchema = TSchema>(definition: Omit<Operation<B, Q>, 'right'>): Operation {
  return { ...definition, right: RIGHT_OF[definition.permission] } as unknown as Operation
}

const RIGHT_OF: Readonly<Record<Permission, Right | null>> = {
  attester: 'attestation:use',
  auditor: 'attestation:read',
  owner: 'attestation:manage',
  public: null,
  enrolment: null,
}

/** A field that may be absent or null, which means the same. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}
