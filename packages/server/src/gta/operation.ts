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
  /** Who may become a user by itself, and how many in all. */
  enroll: { mode: 'open' | 'closed'; limit: number }
}

/** One admitted call of this edge. */
export interface GtaCall extends Call {
  /** What the shown credential proves; undefined for a User-Id alone. */
  identity: Identity | undefined
  /** From a program on this machine, and not through a proxy. */
  local: boolean
}

/** What a caller must be: a role (an owner may do everything), anybody, or, for `enrolment`, whom listener and settings admit. */
export type Permission = UserRole | 'public' | 'enrolment'

export interface Input<B extends TSchema, Q extends TSchema> {
  body: Static<B>
  query: Static<Q>
}

/** An operation of the edge: routes, checks, documentation and tests are derived from it. */
export interface Operation<B extends TSchema = TSchema, Q extends TSchema = TSchema> {
  name: string
  /** Its name in the trail, where that isn't its own. */
  record?: string
  summary: string
  /** For the reader of the documentation. */
  notes?: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below each prefix of the service, or absolute for operations of our own. The first is the usual one. */
  paths: readonly [string, ...string[]]
  absolute?: true
  permission: Permission
  /** What the caller needs; null for what anybody may do, and for enrolment. Follows from {@link permission}. */
  right: Right | null
  rate: RateClass
  body?: B
  query?: Q
  /** `evidence`: as long as the option `evidence-limit` says; otherwise 1 MiB. */
  bodyLimit?: 'evidence'
  /** Refusals carry the service's version. */
  versioned?: true
  result: TSchema
  /** Whether the call log notes each call; changes are audited in their transaction instead. */
  logged?: true
  /** The object that the call log names: a node, a token's id. Anything; it is escaped. */
  object?(input: Input<B, Q>): string
  handle(input: Input<B, Q>, call: GtaCall, services: GtaServices): Promise<unknown>
}

/** Keeps the types of one operation while it is put into the table. */
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

/** A field that may be left out, or null, which is the same. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}
