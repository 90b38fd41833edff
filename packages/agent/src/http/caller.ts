import { isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { AgentError } from '../errors.ts'

/**
 * Refuses the requests of web pages: a browser on this host would carry them to loopback (cross-site requests, which have an Origin, and DNS rebinding, where the
 * Host is somebody else's name). At a UNIX socket, which no browser reaches, any Host will do.
 * @throws {AgentError} `forbidden`
 */
export function refuseWebPages({ headers }: IncomingMessage, isUnixSocket: boolean): void {
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || (site !== undefined && site !== 'none'))
    throw new AgentError('forbidden', 'requests from web pages are refused')
  if (isUnixSocket) return
  const host = (headers.host ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')
  if (host.toLowerCase() !== 'localhost' && isIP(host) === 0)
    throw new AgentError('forbidden', `Host: '${host.slice(0, 100)}' is neither an IP address nor localhost`)
}
