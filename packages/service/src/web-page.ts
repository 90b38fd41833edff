/**
 * What tells a browser's request from a program's. A browser on this machine carries a web page's requests to loopback: cross-site ones, which
 * have an `Origin` or a `Sec-Fetch-Site`, and those of DNS rebinding, whose `Host` is the page's own name.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** Whether a web page sent the request, going by its headers; `sameOrigin`: whether one that this service itself served counts too. */
export function isFromWebPage(headers: IncomingHttpHeaders, { sameOrigin }: { sameOrigin: boolean }): boolean {
  if (headers.origin !== undefined) return true
  const site = headers['sec-fetch-site']
  // `none` is a person who typed the address.
  if (site === undefined || site === 'none') return false
  return sameOrigin || site !== 'same-origin'
}

/** The host in a Host header (RFC 9110 §7.2) in lower case, without port and brackets; undefined when it is missing or malformed. */
export function hostNameOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^:[\]]+))(?::\d*)?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}
