/** `cert`: the certificates and CRLs of a user (contract §4). */
import { Type, type Static, type TSchema } from 'typebox'
import { CERTIFICATE_TYPES, isCertificateType, type CertificateType, type CertificateView, type CrlView } from '../../attestation/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import type { CertificateRow } from '../../storage/index.ts'
import { operation, text, type GtaCall, type GtaServices } from '../operation.ts'

const MAX_QUERIED = 100
const MAX_DELETED = 10
const CRL = 'crl'

function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

const TYPE = Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 16 })], {
  description: `one or more of ${CERTIFICATE_TYPES.join(', ')}; or crl alone`,
})
const NEW = Type.Object({
  name: text(1, 255),
  description: nullable(text(0, 512)),
  type: TYPE,
  content: nullable(Type.String({ description: 'PEM of one certificate; not with crl' })),
  is_default: nullable(Type.Boolean()),
  crl_content: nullable(Type.String({ description: 'PEM of one CRL; with crl' })),
  cert_revoked_list: nullable(Type.String({ description: 'the same, under the name that the document uses' })),
})
const CHANGE = Type.Object({
  id: Type.Optional(text(1, 32, 'without it, `name` identifies the certificate')),
  name: nullable(text(1, 255)),
  description: nullable(text(0, 512)),
  type: Type.Optional(Type.Union([TYPE, Type.Null()])),
  is_default: nullable(Type.Boolean()),
  content: Type.Optional(Type.Unknown({ description: 'refused: a certificate is never changed' })),
})
const REMOVAL = Type.Object({
  delete_type: nullable(Type.Union([Type.Literal('id'), Type.Literal('type'), Type.Literal('all')])),
  ids: nullable(Type.Array(Type.String({ maxLength: 64 }))),
  type: nullable(Type.String()),
})
const CERTIFICATE = Type.Object({
  cert_id: Type.String(),
  cert_name: Type.String(),
  version: Type.Integer(),
  description: Type.Optional(Type.String()),
  content: Type.Optional(Type.String()),
  cert_type: Type.Optional(Type.Array(Type.String())),
  is_default: Type.Optional(Type.Boolean()),
  create_time: Type.Optional(Type.Integer({ description: 'milliseconds since 1970' })),
  update_time: Type.Optional(Type.Integer({ description: 'milliseconds since 1970' })),
  valid_code: Type.Optional(Type.Integer({ description: '0: normal; 1: altered in the store; 2: revoked or expired' })),
  valid_reason: Type.Optional(Type.String({ description: 'why it is not 0' })),
  not_after: Type.Optional(Type.Integer({ description: 'milliseconds since 1970' })),
  cert_revoked_date: Type.Optional(Type.Integer({ description: 'seconds since 1970' })),
  cert_revoked_reason: Type.Optional(Type.String({ description: 'the number of the reason (RFC 5280 §5.3.1)' })),
})
const REVOCATION_LIST = Type.Object({
  crl_id: Type.String(),
  crl_name: Type.String(),
  crl_content: Type.String(),
  valid_code: Type.Integer({ description: '0: normal; 1: altered in the store' }),
  stale: Type.Boolean({ description: 'past its next update' }),
})
const NAMED = Type.Object({ cert_id: Type.String(), cert_name: Type.Optional(Type.String()), version: Type.Integer() })

async function add(body: Static<typeof NEW>, call: GtaCall, { certificates, crls }: GtaServices): Promise<unknown> {
  const types = typeof body.type === 'string' ? [body.type] : body.type
  if (types.includes(CRL)) {
    if (types.length > 1) throw invalidParameter('When a revoked certificate is passed in, the type can only be crl')
    const content = body.crl_content ?? body.cert_revoked_list
    if (!content) throw invalidParameter('Cert revoked list is required for CRL type: crl_content is missing')
    const { id, name } = await crls.put(call, { name: body.name, content })
    return { crl: { crl_id: id, crl_name: name } }
  }
  if (!body.content) throw invalidParameter('Content are required for this type: content is missing')
  const { name, content, description = null, is_default: isDefault = null } = body
  const row = await certificates.add(call, { name, description, types: certificateTypes(types), isDefault, content })
  return { cert: { cert_id: row.id, cert_name: row.name, version: row.version } }
}

async function update(body: Static<typeof CHANGE>, call: GtaCall, { certificates }: GtaServices): Promise<unknown> {
  const { id, name, type, content } = body
  if (content != null) throw invalidParameter('When updating the certificate, it is not supported to pass in the content field')
  const types = type == null ? undefined : certificateTypes(typeof type === 'string' ? [type] : type)
  const change = { types, description: body.description ?? undefined, isDefault: body.is_default ?? undefined }
  // The document's own sample has no id; its name is the one that the certificate has.
  if (id === undefined && name == null) throw invalidParameter('id is required')
  const row =
    id === undefined
      ? await certificates.update(call, { name: name! }, change)
      : await certificates.update(call, { id }, { ...change, name: name ?? undefined })
  return { cert: { cert_id: row.id, ...(name == null ? {} : { cert_name: row.name }), version: row.version } }
}

interface Query {
  ids?: string | string[]
  cert_type?: string
}

async function query({ ids: given, cert_type: type }: Query, call: GtaCall, { certificates, crls }: GtaServices): Promise<unknown> {
  const ids = [given ?? []].flat().flatMap((text) => text.split(',').filter((id) => id !== ''))
  if (ids.length > MAX_QUERIED) throw invalidParameter(`IDs exceed maximum limit of ${MAX_QUERIED}`)
  const wanted = ids.length === 0 ? undefined : ids
  if (type === CRL) return { crls: (await crls.list(call.principal, wanted)).map(crlView) }
  if (type !== undefined && !isCertificateType(type)) throw invalidType()
  if (wanted) return { certs: (await certificates.inspect(call.principal, wanted)).map(fullView) }
  return {
    certs: (await certificates.list(call.principal, { type })).map(({ id, name, version }) => ({ cert_id: id, cert_name: name, version })),
  }
}

async function remove(body: Static<typeof REMOVAL>, call: GtaCall, { certificates, crls }: GtaServices): Promise<void> {
  const { delete_type: what, type } = body
  const ids = body.ids ?? undefined
  if (ids && ids.length > MAX_DELETED) throw invalidParameter(`IDs exceed maximum limit of ${MAX_DELETED}`)
  if (type === CRL) return void (await crls.delete(call, ids))
  if (what == null) throw invalidParameter('Delete type is empty')
  if (what === 'id') {
    if (!ids || ids.length === 0) throw invalidParameter('IDs not set')
    return void (await certificates.delete(call, { ids }))
  }
  if (what === 'all') return void (await certificates.delete(call, {}))
  if (type == null) throw invalidParameter('certificate type not set')
  if (!isCertificateType(type)) throw invalidType()
  await certificates.delete(call, { type })
}

function certificateTypes(types: readonly string[]): CertificateType[] {
  const known = types.filter(isCertificateType)
  if (known.length < types.length) throw invalidType()
  return [...new Set(known)]
}

function invalidType() {
  return invalidParameter(`Invalid certificate type: type is none of ${CERTIFICATE_TYPES.join(', ')}`)
}

function fullView({ row, validCode, reason, revoked }: CertificateView): Static<typeof CERTIFICATE> {
  const { id, name, description, content, types, isDefault, version, createdAt, updatedAt, notAfter }: CertificateRow = row
  return {
    cert_id: id,
    cert_name: name,
    ...(description === null ? {} : { description }),
    content,
    cert_type: types,
    ...(isDefault === null ? {} : { is_default: isDefault }),
    version,
    create_time: createdAt,
    update_time: updatedAt,
    valid_code: validCode,
    ...(reason === undefined ? {} : { valid_reason: reason }),
    not_after: notAfter,
    ...(revoked && { cert_revoked_date: Math.floor(revoked.date.getTime() / 1000), cert_revoked_reason: String(revoked.reasonCode) }),
  }
}

function crlView({ row, altered, stale }: CrlView): Static<typeof REVOCATION_LIST> {
  return { crl_id: row.id, crl_name: row.name, crl_content: row.content, valid_code: Number(altered), stale }
}

export const certificateOperations = [
  operation({
    name: 'AddCertificate',
    summary: 'Stores a certificate, or a CRL.',
    notes:
      'A CRL is stored only if a certificate of the user with its issuer’s name signed it; under its name, it is replaced only by a list that is not older.',
    method: 'POST',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    body: NEW,
    result: Type.Union([
      Type.Object({ cert: NAMED }),
      Type.Object({ crl: Type.Object({ crl_id: Type.String(), crl_name: Type.String() }) }),
    ]),
    handle: ({ body }, call, services) => add(body, call, services),
  }),
  operation({
    name: 'UpdateCertificate',
    summary: "Changes a certificate's metadata, never the certificate itself.",
    notes: 'Fields that are absent or null stay as they are. Without `id`, as in the document’s sample, `name` identifies the certificate.',
    method: 'PUT',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    body: CHANGE,
    result: Type.Object({ cert: NAMED }),
    handle: ({ body }, call, services) => update(body, call, services),
  }),
  operation({
    name: 'QueryCertificates',
    summary: 'Returns certificates by id, in full; or lists all of them, or those of a type; or, with `cert_type=crl`, CRLs.',
    method: 'GET',
    paths: ['cert'],
    permission: 'auditor',
    rate: 'management',
    query: Type.Object({
      ids: Type.Optional(
        Type.Union([Type.String({ maxLength: 8_192 }), Type.Array(Type.String({ maxLength: 8_192 }), { maxItems: MAX_QUERIED })], {
          description: `at most ${MAX_QUERIED}, separated by commas`,
        }),
      ),
      cert_type: Type.Optional(Type.String({ description: `one of ${CERTIFICATE_TYPES.join(', ')}; or crl` })),
    }),
    result: Type.Union([Type.Object({ certs: Type.Array(CERTIFICATE) }), Type.Object({ crls: Type.Array(REVOCATION_LIST) })]),
    handle: ({ query: asked }, call, services) => query(asked as Query, call, services),
  }),
  operation({
    name: 'DeleteCertificates',
    summary: 'Removes certificates by id, by type, or all; with `"type":"crl"`, CRLs by id or all.',
    notes: `At most ${MAX_DELETED} ids. Unknown ids are ignored. The response has no body.`,
    method: 'DELETE',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    body: REMOVAL,
    result: Type.Object({}),
    handle: ({ body }, call, services) => remove(body, call, services),
  }),
]
