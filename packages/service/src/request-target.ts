import type { IncomingMessage } from 'node:http'

const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i
const DEFAULT_PORT = /:(?:80|443)?$/

/**
 * The target of a request in origin form, whatever form it was sent in; undefined for one that RFC 9112 §3.2 says to answer with 400: with
 * more than one Host, or an absolute target that doesn't name the host that Host does. What stands between a client and this service could
 * route by the one while the service goes by the other. A missing Host is refused by Node's server.
 */
export function originTarget({
  url = '',
  rawHeaders,
  httpVersion,
}: Pick<IncomingMessage, 'url' | 'rawHeaders' | 'httpVersion'>): string | undefined {
  let host: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (host !== undefined) return undefined
    host = rawHeaders[i + 1]!
  }
  // A request of HTTP/0.9 has neither headers nor an end.
  if (httpVersion === '0.9') return undefined
  if (url.startsWith('/') || url === '*') return url
  const [, authority, rest] = ABSOLUTE.exec(url) ?? []
  if (!authority || rest === undefined || authority.includes('@')) return undefined
  if (host !== undefined && withoutDefaultPort(host) !== withoutDefaultPort(authority)) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(DEFAULT_PORT, '')
}
