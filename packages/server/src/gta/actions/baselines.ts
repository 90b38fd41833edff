/** `ref_value`: the baselines of a user (contract §3). */
import { Type, type Static } from 'typebox'
import { GTA } from '@vouchsafe/operations'
import type { BaselineView } from '../../attestation/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import type { BaselineRow } from '../../storage/index.ts'
import { nullable, operation, text, type GtaCall, type GtaServices } from '../operation.ts'
import { IDS, idsOf, selectionOf } from '../selection.ts'

const MAX_IDS = 10
const CONTENT = Type.String({
  minLength: 1,
  description: 'a JWT with the payload {"referenceValues":[{"fileName","sha256"},…]}, signed under a certificate of type refvalue',
})
const NEW = Type.Object({
  name: text(1, 255),
  description: nullable(text(0, 512)),
  attester_type: text(1, 255),
  content: CONTENT,
  is_default: nullable(Type.Boolean()),
})
const CHANGE = Type.Object({
  id: text(1, 32),
  name: nullable(text(1, 255)),
  description: nullable(text(0, 512)),
  attester_type: nullable(text(1, 255)),
  content: nullable(CONTENT),
  is_default: nullable(Type.Boolean()),
})
const REMOVAL = Type.Object({
  delete_type: Type.Union([Type.Literal('id'), Type.Literal('type'), Type.Literal('all')]),
  ids: nullable(Type.Array(text(1, 32), { minItems: 1, maxItems: MAX_IDS })),
  attester_type: nullable(text(1, 255)),
})
const NAMED = Type.Object({
  refvalue: Type.Object({ id: Type.String(), name: Type.String(), version: Type.String({ description: 'a number, as text' }) }),
})
const BASELINE = Type.Object({
  id: Type.String(),
  name: Type.String(),
  attester_type: Type.String(),
  uid: Type.Optional(Type.String({ description: 'the User-Id' })),
  description: Type.Optional(Type.String()),
  content: Type.Optional(Type.String({ description: 'the JWT' })),
  is_default: Type.Optional(Type.Boolean()),
  version: Type.Optional(Type.Integer()),
  create_time: Type.Optional(Type.Integer({ description: 'seconds since 1970' })),
  update_time: Type.Optional(Type.Integer({ description: 'seconds since 1970' })),
  valid_code: Type.Optional(
    Type.Integer({ description: '0: as it was stored; 1: altered in the store; 2: its signer expired, was revoked or removed' }),
  ),
  reference_values: Type.Optional(Type.Integer({ description: 'how many it lists' })),
})

async function query(
  { ids: given, attester_type: type }: { ids?: string | string[]; attester_type?: string },
  call: GtaCall,
  { baselines }: GtaServices,
): Promise<unknown> {
  const ids = idsOf(given)
  if (ids === undefined) {
    const rows = (await baselines.list(call.principal)).filter(({ attesterType }) => type === undefined || attesterType === type)
    return answer(rows.map(summary))
  }
  if (ids.length > MAX_IDS) throw invalidParameter(`invalid ids, ids should be between 0 and ${MAX_IDS}`)
  const views = await baselines.read(call.principal, ids)
  return answer(views.filter(({ row }) => type === undefined || row.attesterType === type).map(full))
}

/** `refvalue` is the document's name, `ref_values` the one in the original's responses. */
function answer(list: Static<typeof BASELINE>[]) {
  return { refvalue: list, ref_values: list }
}

function summary({ id, name, attesterType }: BaselineRow): Static<typeof BASELINE> {
  return { id, name, attester_type: attesterType }
}

function full({ row, content, validCode }: BaselineView): Static<typeof BASELINE> {
  return {
    ...summary(row),
    uid: row.userId,
    description: row.description ?? '',
    content,
    is_default: row.isDefault,
    version: row.version,
    create_time: Math.floor(row.createdAt / 1000),
    update_time: Math.floor(row.updatedAt / 1000),
    valid_code: validCode,
    reference_values: row.valueCount,
  }
}

function named({ id, name, version }: BaselineRow): Static<typeof NAMED> {
  return { refvalue: { id, version: String(version), name } }
}

export const baselineOperations = [
  operation(GTA.AddBaseline, {
    body: NEW,
    result: NAMED,
    async handle({ body }, call, { baselines }) {
      const { name, description, attester_type: attesterType, content, is_default: isDefault } = body
      const baseline = { name, description: description ?? null, attesterType, content, isDefault: isDefault ?? false }
      return named(await baselines.add(call, baseline))
    },
  }),
  operation(GTA.UpdateBaseline, {
    body: CHANGE,
    result: NAMED,
    async handle({ body }, call, { baselines }) {
      const { id, name, description, attester_type: attesterType, content, is_default: isDefault } = body
      const change = {
        ...{ name: name ?? undefined, description: description ?? undefined, attesterType: attesterType ?? undefined },
        ...{ content: content ?? undefined, isDefault: isDefault ?? undefined },
      }
      return named(await baselines.update(call, id, change))
    },
  }),
  operation(GTA.QueryBaselines, {
    notes: `At most ${MAX_IDS} ids. The list is there under two names, the document's and that of the original's answers.`,
    query: Type.Object({ ids: Type.Optional(IDS), attester_type: Type.Optional(Type.String({ maxLength: 255 })) }),
    result: Type.Object({ refvalue: Type.Array(BASELINE), ref_values: Type.Array(BASELINE) }),
    handle: ({ query: asked }, call, services) => query(asked as Parameters<typeof query>[0], call, services),
  }),
  operation(GTA.DeleteBaselines, {
    body: REMOVAL,
    result: Type.Object({}),
    async handle({ body }, call, { baselines }) {
      const { delete_type: what, ids, attester_type: type } = body
      await baselines.remove(call, selectionOf(what, ids, type))
    },
  }),
]
