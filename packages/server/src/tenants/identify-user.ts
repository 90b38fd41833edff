/**
 * Identifies callers of the attestation authority (decisions "Who may do what"): an API key or a TLS client certificate names the user and
 * its role; a direct request on loopback needs only a User-Id, for the role of owner. If several are given they must agree.
 */
import { ANYBODY, userPrincipal, type Principal } from '../access/index.ts'
import { ServiceError } from '../foundation/index.ts'
import { isUserId, type Identity, type Users } from './users.ts'

/** The evidence of identity in a request. */
export interface Presented {
  userId: string | undefined
  apiKey: string | undefined
  /** SHA-256 of the TLS client certificate, if there is one whose chain was verified. */
  certificate: Uint8Array | undefined
  /** Whether it came from a program on this machine, not through a proxy or from a web page. */
  local: boolean
}

/** A caller, and the credential that proves its identity, if it presented one. */
export interface IdentifiedUser {
  principal: Principal
  identity: Identity | undefined
}

/**
 * @param required whether the operation is for known users only; otherwise an unproven User-Id merely names a tenant
 * @throws {ServiceError} `user_unidentified`, `api_key_invalid`, `user_mismatch`, or `user_id_invalid` for one that is missing or malformed
 */
export async function identifyUser(shown: Presented, required: boolean, users: Users): Promise<IdentifiedUser> {
  const { userId } = shown
  if (userId !== undefined && !isUserId(userId)) throw new ServiceError('user_id_invalid')
  const identity = await proven(shown, users)
  if (identity && userId !== undefined && identity.user !== userId) throw new ServiceError('user_mismatch')
  if (identity) return { principal: userPrincipal(identity.user, identity.role, identity.nodeId), identity }
  if (!required) return { principal: userId === undefined ? ANYBODY : { ...ANYBODY, tenant: userId, subject: `user:${userId}` }, identity }
  if (!shown.local) throw new ServiceError('user_unidentified')
  if (userId === undefined) throw new ServiceError('user_id_invalid')
  return { principal: userPrincipal(userId, 'owner'), identity }
}

/** The identity proved by credentials; undefined if none is given. */
async function proven({ apiKey, certificate }: Presented, users: Users): Promise<Identity | undefined> {
  const byKey = apiKey === undefined ? undefined : await users.byApiKey(apiKey)
  if (apiKey !== undefined && !byKey) throw new ServiceError('api_key_invalid')
  const byCertificate = certificate && (await users.byCertificate(certificate))
  if (byKey && byCertificate && byKey.user !== byCertificate.user) throw new ServiceError('user_mismatch')
  return byKey ?? byCertificate
}
