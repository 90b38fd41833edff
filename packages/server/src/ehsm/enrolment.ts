import type { IncomingMessage } from 'node:http'
import { isDirectRequest } from '../direct-request.ts'
import { ServiceError } from '../errors.ts'

export interface EnrolmentSettings {
  mode: 'open' | 'closed'
  /** The host name of the public URL, if there is one. */
  publicHost: string | undefined
}

/**
 * Open enrolment is for who is on this machine: decided by the listener's address, and refused where a proxy or a browser tricked into
 * resolving a foreign name to loopback stands between.
 * @throws {ServiceError} `enroll_closed` or `enroll_forwarded`
 */
export function admitEnrolment(req: IncomingMessage, loopback: boolean, { mode, publicHost }: EnrolmentSettings): void {
  if (mode === 'closed' || !loopback) throw new ServiceError('enroll_closed')
  if (!isDirectRequest(req, publicHost)) throw new ServiceError('enroll_forwarded')
}
