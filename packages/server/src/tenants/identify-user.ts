/**
 * Who calls the attestation authority (decisions "Who may do what"): an API key or a TLS client certificate names the user and its role; a
 * direct request on loopback needs no more than a User-Id, for an owner. Where several are given they must agree.
 */
import { ANYBODY, userPrincipal, type Principal } from '../access/index.ts'
import { ServiceError, invalidParameter } from '../foundation/index.ts'
import { isUserId, type Identity, type Users } from './users.ts'

/** What a request shows of who sent it. */
export interface Presented {
  userId: string | undefined
  apiKey: string | undefined
  /** SHA-256 of the TLS client certificate, if there is one whose chain was verified. */
  certificate: Uint8Array | undefined
  /** It came from a program on this machine, not through a proxy or from a web page. */
  local: boolean
}

/** A caller, and the credential that proves it, if it showed one. */
export interface IdentifiedUser {
  principal: Principal
  identity: Identity | undefined
}

/**
 * @param required whether the operation is for known users only; otherwise a User-Id that nothing proves merely names a tenant
 * @throws {ServiceError} `user_unidentified`, `user_mismatch`, or `invalid_parameter` for a User-Id that can't be one
 */
export async function identifyUser(shown: Presented, required: boolean, users: Users): Promise<IdentifiedUser> {
  const { userId } = shown
  if (userId !== undefined && !isUserId(userId)) throw invalidUserId()
  const identity = await proven(shown, users)
  if (identity && userId !== undefined && identity.user !== userId) throw new ServiceError('user_mismatch')
  if (identity) return { principal: userPrincipal(identity.user, identity.role, identity.nodeId), identity }
  if (!required) return { principal: userId === undefined ? ANYBODY : { ...ANYBODY, tenant: userId, subject: `user:${userId}` }, identity }
  if (!shown.local) throw new ServiceError('user_unidentified')
  if (userId === undefined) throw invalidUserId()
  return { principal: userPrincipal(userId, 'owner'), identity }
}

/** The identity that credentials prove; undefined when none is given. */
async function proven({ apiKey, certificate }: Presented, users: Users): Promise<Identity | undefined> {
  const byKey = apiKey === undefined ? undefined : await users.byApiKey(apiKey)
  if (apiKey !== undefined && !byKey) throw new ServiceError('user_unidentified', { message: 'Invalid API key' })
  const byCertificate = certificate && (await users.byCertificate(certificate))
  if (byKey && byCertificate && byKey.user !== byCertificate.user) throw new ServiceError('user_mismatch')
  return byKey ?? byCertificate
}

function invalidUserId(): ServiceError {
  return invalidParameter('Missing or Invalid User-Id header: it must be 1 to 36 printable ASCII characters')
}
