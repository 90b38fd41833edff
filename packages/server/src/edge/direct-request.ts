import type { IncomingMessage } from 'node:http'
import { hostNameOf, isFromWebPage, isLoopback } from '@vouchsafe/service'

/** Headers that proxies add, besides `x-forwarded-…`. */
const FORWARDING = ['forwarded', 'via', 'x-real-ip']

/**
 * Whether a request on a loopback listener comes straight from a program on this machine: not through a proxy, and not from a web page that
 * a local browser shows, which may have resolved a foreign name to loopback.
 * @param publicHost another name that a direct request may call this machine by
 */
export function isDirectRequest(req: IncomingMessage, publicHost?: string): boolean {
  const forwarded = Object.keys(req.headers).some((name) => FORWARDING.includes(name) || name.startsWith('x-forwarded-'))
  const host = hostNameOf(req.headers.host)
  return !forwarded && !isFromWebPage(req.headers, { sameOrigin: false }) && host !== undefined && (isLoopback(host) || host === publicHost)
}
