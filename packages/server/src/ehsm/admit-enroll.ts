import { isDirectRequest, type ListenedRequest } from '../edge/index.ts'
import { ServiceError } from '../foundation/index.ts'
import { EhsmRefusal } from './refusals.ts'

export interface EnrollSettings {
  mode: 'open' | 'token' | 'closed'
  /** The host name of the public URL, if there is one. */
  publicHost: string | undefined
}

/** What an enrolment token may look like; anything else is not one of our tokens. */
const BEARER = /^Bearer +([A-Za-z0-9_-]{1,200})$/i

/**
 * Whether a request may enrol. If it has a token, which is returned, the store decides. Open enrolment without one is for callers on this
 * machine: the listener's address decides, and requests through a proxy, or a browser tricked into resolving a foreign name to loopback,
 * are refused.
 * @throws {ServiceError} `enroll_closed` or `enroll_token`
 * @throws {EhsmRefusal} `enroll_token_missing` or `enroll_forwarded`
 */
export function admitEnroll(req: ListenedRequest, { mode, publicHost }: EnrollSettings): string | undefined {
  if (mode === 'closed') throw new ServiceError('enroll_closed')
  const { authorization } = req.headers
  if (authorization !== undefined) {
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined) throw new ServiceError('enroll_token')
    return token
  }
  if (mode === 'token') throw new EhsmRefusal('enroll_token_missing')
  if (!req.listener.loopback) throw new ServiceError('enroll_closed')
  if (!isDirectRequest(req, publicHost)) throw new EhsmRefusal('enroll_forwarded')
  return undefined
}
