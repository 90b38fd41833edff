/** The credentials of the attestation authority's users. */
import { X509Certificate } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { text } from '../../edge/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import type { UserCredentialRow } from '../../tenants/index.ts'
import { ID, TIME, operation, orNull } from '../operation.ts'

const MAX_PEM = 16 * 1024

const ROLE = Type.Enum(['attester', 'auditor', 'owner'])
const CREDENTIAL = Type.Object({
  id: Type.String(),
  user: Type.String(),
  kind: Type.Enum(['api-key', 'certificate']),
  role: ROLE,
  nodeId: orNull(Type.String()),
  madeFrom: Type.Optional(Type.String({ description: 'the API key that the user replaced with this one' })),
  label: Type.String(),
  createdAt: TIME,
  expiresAt: orNull(TIME),
})

function described({
  id,
  userId,
  kind,
  role,
  nodeId,
  madeFrom,
  label,
  createdAt,
  expiresAt,
}: UserCredentialRow): Static<typeof CREDENTIAL> {
  return { id, user: userId, kind, role, nodeId, label, createdAt, expiresAt, ...(madeFrom === null ? {} : { madeFrom }) }
}

/** The SHA-256 of a certificate's DER. */
function fingerprintOf(pem: string): Uint8Array {
  try {
    return Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex')
  } catch {
    throw invalidParameter('certificate is not a certificate in PEM')
  }
}

export const credentialOperations = [
  operation({
    name: 'CreateCredential',
    summary: 'Creates an API key, which is shown only once, or admits a TLS client certificate, for a user with a role.',
    method: 'POST',
    path: '/v1/users/keys/create',
    right: 'server:manage',
    object: 'user',
    input: {
      user: text(1, 36),
      role: ROLE,
      nodeId: Type.Optional(text(1, 255)),
      label: Type.Optional(text(0, 255)),
      expiresAt: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
      certificate: Type.Optional(text(1, MAX_PEM)),
    },
    result: Type.Object({ ...CREDENTIAL.properties, apiKey: Type.Optional(Type.String()) }),
    async handle({ certificate, ...request }, call, { users }) {
      if (certificate !== undefined) return described(await users.admitCertificate(call, fingerprintOf(certificate), request))
      const { credential, apiKey } = await users.createApiKey(call, request)
      return { ...described(credential), apiKey }
    },
  }),
  operation({
    name: 'ListCredentials',
    summary: 'Lists the API keys and admitted certificates, of one user or of all.',
    method: 'GET',
    path: '/v1/users/keys',
    right: 'server:read',
    object: 'user',
    input: { user: Type.Optional(text(1, 36)) },
    result: Type.Object({ credentials: Type.Array(CREDENTIAL) }),
    async handle({ user }, _call, { users }) {
      const pages = await Array.fromAsync(users.list(user ?? null))
      return { credentials: pages.flat().map(described) }
    },
  }),
  operation({
    name: 'RevokeCredential',
    summary: 'Revokes an API key, with those made from it, or an admitted certificate, at once.',
    method: 'POST',
    path: '/v1/users/keys/revoke',
    right: 'server:manage',
    object: 'id',
    input: { id: ID },
    result: Type.Object({ id: Type.String(), revoked: Type.Array(Type.String()) }),
    async handle({ id }, call, { users }) {
      const revoked = await users.revoke(call, id)
      if (revoked.length === 0) throw invalidParameter(`there is no credential ${id}`)
      return { id, revoked }
    },
  }),
]
