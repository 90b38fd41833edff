import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../config/index.ts'

/** What proxies add, beside `x-forwarded-…`. */
const FORWARDING = ['forwarded', 'via', 'x-real-ip']

/**
 * Whether a request on a loopback listener comes straight from a program on this machine: not through a proxy, and not from a web page that
 * a browser here shows, which may have resolved a foreign name to loopback.
 * @param publicHost another name that a direct request may call this machine by
 */
export function isDirectRequest(req: IncomingMessage, publicHost?: string): boolean {
  const forwarded = Object.keys(req.headers).some((name) => FORWARDING.includes(name) || name.startsWith('x-forwarded-'))
  const host = hostName(req.headers.host)
  const site = req.headers['sec-fetch-site']
  const fromPage = req.headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin')
  return !forwarded && !fromPage && host !== undefined && (isLoopback(host) || host === publicHost)
}

/** The name in a Host header, without port and brackets. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}
