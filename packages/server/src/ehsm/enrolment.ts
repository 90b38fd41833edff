import { isDirectRequest, type ListenedRequest } from '../edge/index.ts'
import { ServiceError } from '../foundation/index.ts'

export interface EnrolmentSettings {
  mode: 'open' | 'token' | 'closed'
  /** The host name of the public URL, if there is one. */
  publicHost: string | undefined
}

/** What an enrolment token may look like; anything else is no token that we made. */
const BEARER = /^Bearer +([A-Za-z0-9_-]{1,200})$/i

/**
 * Whether a request may enrol. With a token, which it gives, the store decides. Open enrolment without one is for who is on this machine:
 * decided by the listener's address, and refused where a proxy or a browser tricked into resolving a foreign name to loopback stands between.
 * @throws {ServiceError} `enroll_closed`, `enroll_token_missing`, `enroll_token` or `enroll_forwarded`
 */
export function admitEnrolment(req: ListenedRequest, { mode, publicHost }: EnrolmentSettings): string | undefined {
  if (mode === 'closed') throw new ServiceError('enroll_closed')
  const { authorization } = req.headers
  if (authorization !== undefined) {
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined) throw new ServiceError('enroll_token')
    return token
  }
  if (mode === 'token') throw new ServiceError('enroll_token_missing')
  if (!req.listener.loopback) throw new ServiceError('enroll_closed')
  if (!isDirectRequest(req, publicHost)) throw new ServiceError('enroll_forwarded')
  return undefined
}
