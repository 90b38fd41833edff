import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../config.ts'
import { ServiceError } from '../errors.ts'

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
export function admitEnrolment(req: IncomingMessage, loopback: boolean, { mode, publicHost }: EnrolmentSettings): string | undefined {
  if (mode === 'closed') throw new ServiceError('enroll_closed')
  const { authorization } = req.headers
  if (authorization !== undefined) {
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined) throw new ServiceError('enroll_token')
    return token
  }
  if (mode === 'token') throw new ServiceError('enroll_token_missing')
  if (!loopback) throw new ServiceError('enroll_closed')
  const forwarded = Object.keys(req.headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'))
  const host = hostName(req.headers.host)
  // A web page that a browser on this machine shows is a stranger too.
  const site = req.headers['sec-fetch-site']
  const fromPage = req.headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin')
  if (forwarded || fromPage || host === undefined || !(isLoopback(host) || host === publicHost)) throw new ServiceError('enroll_forwarded')
  return undefined
}

/** The name in a Host header, without port and brackets. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}
