/** The operator's view of the attestation authority's users: their credentials and roles. */
import { X509Certificate } from 'node:crypto'
import { invalidParameter } from '../foundation/index.ts'
import type { UserCredentialRow } from '../storage/index.ts'
import type { CredentialRequest } from '../tenants/index.ts'
import { freeText, oneOf, text, type Handler, type OperatorOperation, type Input } from './input.ts'

const ROLES = ['attester', 'auditor', 'owner'] as const
const MAX_PEM = 16 * 1024

const create: Handler = async (input, { users }, call) => {
  const request = readRequest(input)
  const pem = freeText(input, 'certificate', MAX_PEM)
  if (pem !== undefined) return described(await users.admitCertificate(call, fingerprintOf(pem), request))
  const { credential, apiKey } = await users.createApiKey(call, request)
  return { ...described(credential), apiKey }
}

const list: Handler = async (input, { users }) => {
  const credentials: unknown[] = []
  for await (const page of users.list(freeText(input, 'user', 36) ?? null)) credentials.push(...page.map(described))
  return { credentials }
}

const revoke: Handler = async (input, { users }, call) => {
  const id = text(input, 'id')
  const revoked = await users.revoke(call, id)
  if (revoked.length === 0) throw invalidParameter(`there is no credential ${id}`)
  return { id, revoked }
}

function readRequest(input: Input): CredentialRequest {
  const user = freeText(input, 'user', 36)
  if (user === undefined) throw invalidParameter('user is missing')
  const { expiresAt } = input
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && (expiresAt as number) > 0))
    throw invalidParameter('expiresAt must be milliseconds since 1970')
  return {
    user,
    role: oneOf(input, 'role', ROLES),
    nodeId: freeText(input, 'nodeId', 255),
    label: freeText(input, 'label', 255),
    expiresAt: expiresAt as number | undefined,
  }
}

/** The SHA-256 of a certificate's DER. */
function fingerprintOf(pem: string): Uint8Array {
  try {
    return Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex')
  } catch {
    throw invalidParameter('certificate is not a certificate in PEM')
  }
}

function described({ id, userId, kind, role, nodeId, madeFrom, label, createdAt, expiresAt }: UserCredentialRow) {
  return { id, user: userId, kind, role, nodeId, label, createdAt, expiresAt, ...(madeFrom === null ? {} : { madeFrom }) }
}

export const credentialOperations: readonly OperatorOperation[] = [
  { name: 'CreateCredential', method: 'POST', path: '/v1/users/keys/create', right: 'server:manage', handle: create },
  { name: 'ListCredentials', method: 'GET', path: '/v1/users/keys', right: 'server:read', handle: list },
  { name: 'RevokeCredential', method: 'POST', path: '/v1/users/keys/revoke', right: 'server:manage', handle: revoke },
]
