import { isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { hostNameOf, isFromWebPage } from '@vouchsafe/service'
import { AgentError } from '../errors.ts'

/**
 * Refuses the requests of web pages: a browser on this host would carry them to loopback (cross-site requests, which have an Origin, and DNS rebinding, where the
 * Host is somebody else's name). At a UNIX socket, which no browser reaches, any Host will do.
 * @throws {AgentError} `forbidden`
 */
export function refuseWebPages({ headers }: IncomingMessage, isUnixSocket: boolean): void {
  if (isFromWebPage(headers, { sameOrigin: true })) throw new AgentError('forbidden', 'requests from web pages are refused')
  if (isUnixSocket) return
  const host = hostNameOf(headers.host) ?? ''
  if (host !== 'localhost' && isIP(host) === 0)
    throw new AgentError('forbidden', `Host: '${(host || (headers.host ?? '')).slice(0, 100)}' is neither an IP address nor localhost`)
}
