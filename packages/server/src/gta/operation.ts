import type { GtaDescriptor } from '@vouchsafe/operations'
import { Type, type Static, type TSchema } from 'typebox'
import type { Call, Right } from '../access/index.ts'
import type { Attestation } from '../attestation/index.ts'
import { text } from '../edge/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { SigningKeys } from '../signing-keys/index.ts'
import type { Identity, Users } from '../tenants/index.ts'

export { text }

/** What the operations of this edge work with. */
export interface GtaServices extends Attestation {
  users: Users
  signingKeys: SigningKeys
  runtime: Runtime
  /** Who may enrol as a user without an operator, and how many in all. */
  enroll: { mode: 'open' | 'closed'; limit: number }
}

/** One admitted call of this edge. */
export interface GtaCall extends Call {
  /** The identity proved by a credential; undefined for a User-Id alone. */
  identity: Identity | undefined
  /** Sent by a program on this machine, and not through a proxy. */
  local: boolean
}

export interface Input<B extends TSchema, Q extends TSchema> {
  body: Static<B>
  query: Static<Q>
}

/** An operation of the edge: what everybody knows of it, and how the server does it. Routes, checks, documentation and tests derive from it. */
export interface GtaOperation<B extends TSchema = TSchema, Q extends TSchema = TSchema> extends GtaDescriptor {
  /** What the caller needs; null for what anybody may do, and for enrolment. Follows from the permission. */
  right: Right | null
  body?: B
  query?: Q
  result: TSchema
  /** The object that the call log names: a node, a token's id. Anything; it is escaped. */
  object?(input: Input<B, Q>): string
  handle(input: Input<B, Q>, call: GtaCall, services: GtaServices): Promise<unknown>
}

/** Puts one operation into the table. `notes` are the definition's where they name a limit of the server's. */
export function operation<B extends TSchema = TSchema, Q extends TSchema = TSchema>(
  descriptor: GtaDescriptor,
  definition: Omit<GtaOperation<B, Q>, Exclude<keyof GtaDescriptor, 'notes'> | 'right'>,
): GtaOperation {
  return { ...descriptor, ...definition, right: RIGHT_OF[descriptor.permission] } as unknown as GtaOperation
}

const RIGHT_OF: Readonly<Record<GtaDescriptor['permission'], Right | null>> = {
  attester: 'attestation:use',
  auditor: 'attestation:read',
  owner: 'attestation:manage',
  public: null,
  enroll: null,
}

/** A field that may be absent or null, which means the same. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}
