/** `policy`: the policies of a user (contract §10). */
import { Type, type Static } from 'typebox'
import type { PolicyView } from '../../attestation/index.ts'
import type { PolicySummary } from '../../storage/index.ts'
import { nullable, operation, text, type GtaCall, type GtaServices } from '../operation.ts'
import { IDS, idsOf, selectionOf } from '../selection.ts'

const MAX_IDS = 10
const ATTESTER_TYPE = Type.Union([text(1, 255), Type.Array(text(1, 255), { minItems: 1, maxItems: 64 })])
const CONTENT_TYPE = Type.Union([Type.Literal('text'), Type.Literal('jwt')], {
  description: 'text: `content` is Rego in base64; jwt: a JWT whose claim `policy` holds that',
})
const NEW = Type.Object({
  id: nullable(text(1, 36, 'a random UUID by default')),
  name: text(1, 255),
  description: nullable(text(0, 512)),
  attester_type: ATTESTER_TYPE,
  content_type: CONTENT_TYPE,
  content: Type.String({ minLength: 1, description: 'at most 500 KB before the encoding' }),
  is_default: nullable(Type.Boolean()),
})
const CHANGE = Type.Object({
  id: text(1, 36),
  name: nullable(text(1, 255)),
  description: nullable(text(0, 512)),
  attester_type: nullable(ATTESTER_TYPE),
  content_type: nullable(CONTENT_TYPE),
  content: nullable(Type.String({ minLength: 1 })),
  is_default: nullable(Type.Boolean()),
})
const REMOVAL = Type.Object({
  delete_type: Type.Union([Type.Literal('id'), Type.Literal('attester_type'), Type.Literal('all')]),
  ids: nullable(Type.Array(text(1, 36), { minItems: 1, maxItems: MAX_IDS })),
  attester_type: nullable(text(1, 255)),
})
const NAMED = Type.Object({ policy: Type.Object({ id: Type.String(), name: Type.String(), version: Type.Integer() }) })
const POLICY = Type.Object({
  id: Type.String(),
  name: Type.String(),
  attester_type: Type.Array(Type.String()),
  version: Type.Integer(),
  update_time: Type.Integer({ description: 'seconds since 1970' }),
  description: Type.Optional(Type.String()),
  content: Type.Optional(Type.String({ description: 'Rego' })),
  is_default: Type.Optional(Type.Boolean()),
  valid_code: Type.Optional(
    Type.Integer({ description: '0: as it was stored; 1: altered in the store; 2: its signer expired, was revoked or removed' }),
  ),
  signature: Type.Optional(Type.String({ description: 'none, unverified (a JWT that nothing verified) or verified' })),
})

async function query(
  { ids: given, attester_type: type }: { ids?: string | string[]; attester_type?: string },
  call: GtaCall,
  { policies }: GtaServices,
): Promise<unknown> {
  const isWanted = ({ attesterTypes }: PolicySummary) => type === undefined || attesterTypes.includes(type)
  const ids = idsOf(given)
  if (ids === undefined) return { policies: (await policies.list(call.principal)).filter(isWanted).map(summary) }
  const known = (await policies.list(call.principal)).filter((row) => ids.includes(row.policyId) && isWanted(row))
  const shown = known.slice(0, MAX_IDS).map(({ policyId }) => policyId)
  const views = await policies.read(call.principal, shown)
  const message = known.length > MAX_IDS ? { message: `only the first ${MAX_IDS} of ${known.length} policies are shown` } : {}
  return { policies: views.map(full), ...message }
}

function summary({ policyId, name, attesterTypes, version, updatedAt }: PolicySummary): Static<typeof POLICY> {
  return { id: policyId, name, attester_type: attesterTypes, version, update_time: Math.floor(updatedAt / 1000) }
}

function full({ row, validCode }: PolicyView): Static<typeof POLICY> {
  return {
    ...summary(row),
    description: row.description ?? '',
    content: row.content,
    is_default: row.isDefault,
    valid_code: validCode,
    signature: row.signerId !== null ? 'verified' : row.isJwt ? 'unverified' : 'none',
  }
}

function named({ policyId, name, version }: PolicySummary): Static<typeof NAMED> {
  return { policy: { id: policyId, name, version } }
}

export const policyOperations = [
  operation({
    name: 'AddPolicy',
    summary: 'Stores a policy.',
    notes:
      'It must compile, and return a boolean `policy_matched` in `data.verification.result` on sample inputs of each attester type. A JWT is verified if the user has a certificate of type policy.',
    method: 'POST',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    body: NEW,
    result: NAMED,
    async handle({ body }, call, { policies }) {
      const { id, name, description, attester_type: types, content_type: contentType, content, is_default: isDefault } = body
      const policy = {
        ...{ id: id ?? undefined, name, description: description ?? null, attesterTypes: [types].flat() },
        ...{ contentType, content, isDefault: isDefault ?? false },
      }
      return named(await policies.add(call, policy))
    },
  }),
  operation({
    name: 'UpdatePolicy',
    summary: 'Changes a policy; fields that are absent or null stay as they are.',
    notes: 'The policy is tested like a new one. 429 when another request changed it at the same time.',
    method: 'PUT',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    body: CHANGE,
    result: NAMED,
    async handle({ body }, call, { policies }) {
      const { id, name, description, attester_type: types, content_type: contentType, content, is_default: isDefault } = body
      const change = {
        ...{ name: name ?? undefined, description: description ?? undefined, attesterTypes: types == null ? undefined : [types].flat() },
        ...{ contentType: contentType ?? undefined, content: content ?? undefined, isDefault: isDefault ?? undefined },
      }
      return named(await policies.update(call, id, change))
    },
  }),
  operation({
    name: 'QueryPolicies',
    summary: 'Returns policies by id, in full; or lists all of them, or those of an attester type.',
    notes: `If there are more than ${MAX_IDS} policies, only the first are returned, and a \`message\` says so.`,
    method: 'GET',
    paths: ['policy'],
    permission: 'auditor',
    rate: 'management',
    query: Type.Object({ ids: Type.Optional(IDS), attester_type: Type.Optional(text(1, 255)) }, { additionalProperties: false }),
    result: Type.Object({ policies: Type.Array(POLICY), message: Type.Optional(Type.String()) }),
    handle: ({ query: asked }, call, services) => query(asked as Parameters<typeof query>[0], call, services),
  }),
  operation({
    name: 'DeletePolicies',
    summary: 'Removes policies by id, by attester type, or all.',
    notes: 'Unknown ids are ignored. The response has no body.',
    method: 'DELETE',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    body: REMOVAL,
    result: Type.Object({}),
    async handle({ body }, call, { policies }) {
      const { delete_type: what, ids, attester_type: type } = body
      await policies.remove(call, selectionOf(what === 'attester_type' ? 'type' : what, ids, type))
    },
  }),
]
