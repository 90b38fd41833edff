/** What a request of this edge reveals about its sender, and the call that it becomes. */
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { isDirectRequest, type ListenedRequest } from '../edge/index.ts'
import { identifyUser, type Users } from '../tenants/index.ts'
import type { GtaCall, GtaOperation } from './operation.ts'

const MAX_USER_NAME = 64

/** Identifies the caller. @throws {ServiceError} as identifyUser */
export async function identify(req: ListenedRequest, operation: GtaOperation, users: Users, requestId: string): Promise<GtaCall> {
  // A caller that uses the public name may well be on another machine, behind a proxy that adds no header.
  const local = req.listener.loopback && isDirectRequest(req)
  const shown = { userId: userIdOf(req), apiKey: header(req, 'api-key'), certificate: clientCertificate(req), local }
  const { principal, identity } = await identifyUser(shown, operation.right !== null, users)
  const userName = header(req, 'user-name')?.slice(0, MAX_USER_NAME)
  return {
    principal,
    action: operation.record ?? operation.name,
    requestId,
    identity,
    local,
    ...(userName === undefined ? {} : { userName }),
  }
}

/** The User-Id that a request claims; unproven. */
export function userIdOf(req: IncomingMessage): string | undefined {
  return header(req, 'user-id')
}

/** The SHA-256 of the TLS client certificate, if there is one whose chain ends at the CA of `tls-client-ca`. */
function clientCertificate({ socket }: IncomingMessage): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const { fingerprint256 } = socket.getPeerCertificate()
  return fingerprint256 ? Buffer.from(fingerprint256.replaceAll(':', ''), 'hex') : undefined
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
