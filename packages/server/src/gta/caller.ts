/**
 * Who calls (decisions "Who may do what"): an API key or a TLS client certificate names the user and its role; on a loopback listener a User-Id
 * alone is enough, for an owner. Where several are given they must agree.
 */
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { isDirectRequest } from '../edge/index.ts'
import { ServiceError, invalidParameter } from '../foundation/index.ts'
import type { UserRole } from '../storage/index.ts'
import { isUserId, type Identity, type Users } from '../tenants/index.ts'
import type { Call, Operation, Permission } from './operation.ts'

const MAX_USER_NAME = 64

export interface CallerFacts {
  /** The listener only reaches this machine. */
  loopback: boolean
  requestId: string
}

/**
 * Identifies the caller and checks that its role allows the operation, before anything is looked up for it.
 * @throws {ServiceError} `user_unidentified`, `user_mismatch`, `role_forbidden`, or `invalid` for a User-Id that can't be one
 */
export async function identify(req: IncomingMessage, operation: Operation, users: Users, facts: CallerFacts): Promise<Call> {
  const userId = header(req, 'user-id')
  if (userId !== undefined && !isUserId(userId)) throw invalidUserId()
  // Who calls it by its public name may well be elsewhere, behind a proxy that adds no header.
  const loopback = facts.loopback && isDirectRequest(req)
  const identity = await proven(req, users)
  if (identity && userId !== undefined && identity.user !== userId) throw new ServiceError('user_mismatch')
  const call = (user: string, role: UserRole): Call => {
    const userName = header(req, 'user-name')?.slice(0, MAX_USER_NAME)
    const name = user === '' ? 'anybody' : `user:${user}`
    const { requestId } = facts
    return { name, requestId, user, role, nodeId: identity?.nodeId, identity, loopback, ...(userName === undefined ? {} : { userName }) }
  }
  if (identity) {
    if (!allows(identity.role, operation.permission)) {
      const message = `this credential has the role ${identity.role}; ${operation.name} needs ${needed(operation.permission)}`
      throw new ServiceError('role_forbidden', { message })
    }
    return call(identity.user, identity.role)
  }
  if (operation.permission === 'public' || operation.permission === 'enrolment') return call(userId ?? '', 'attester')
  if (!loopback) throw new ServiceError('user_unidentified')
  if (userId === undefined) throw invalidUserId()
  return call(userId, 'owner')
}

/** The identity that credentials prove; undefined when none is given. */
async function proven(req: IncomingMessage, users: Users): Promise<Identity | undefined> {
  const apiKey = header(req, 'api-key')
  const byKey = apiKey === undefined ? undefined : await users.byApiKey(apiKey)
  if (apiKey !== undefined && !byKey) throw new ServiceError('user_unidentified', { message: 'Invalid API key' })
  const fingerprint = clientCertificate(req)
  const byCertificate = fingerprint && (await users.byCertificate(fingerprint))
  if (byKey && byCertificate && byKey.user !== byCertificate.user) throw new ServiceError('user_mismatch')
  return byKey ?? byCertificate
}

/** The SHA-256 of the TLS client certificate, if there is one whose chain ends at the CA of `tls-client-ca`. */
function clientCertificate({ socket }: IncomingMessage): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const { fingerprint256 } = socket.getPeerCertificate()
  return fingerprint256 ? Buffer.from(fingerprint256.replaceAll(':', ''), 'hex') : undefined
}

function allows(role: Identity['role'], permission: Permission): boolean {
  return role === 'owner' || permission === 'public' || permission === 'enrolment' || role === permission
}

function needed(permission: Permission): string {
  return permission === 'owner' ? 'owner' : `${permission} or owner`
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function invalidUserId(): ServiceError {
  return invalidParameter('Missing or Invalid User-Id header: it must be 1 to 36 printable ASCII characters')
}
