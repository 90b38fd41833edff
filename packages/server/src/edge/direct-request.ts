import type { IncomingMessage } from 'node:http'
import { hostNameOf, isFromWebPage, isLoopback } from '@vouchsafe/service'

/** Headers by which proxies, load balancers and content delivery networks say that they pass a request on … */
const FORWARDING = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-originating-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-proxyuser-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-ray',
  'cdn-loop',
  'x-amzn-trace-id',
  'x-azure-clientip',
  'x-appengine-user-ip',
])
/** … and the first letters of whole families of them. */
const FORWARDING_PREFIXES = ['x-forwarded', 'x-envoy-', 'fastly-']

/**
 * Whether a request on a loopback listener comes straight from a program on this machine, as far as a request can show it: not through a
 * proxy, which speaks HTTP/1.0 or adds a header in common use, and not from a web page that a local browser shows, which may have resolved
 * a foreign name to loopback. A proxy that hides itself altogether is not noticed.
 * @param publicHost another name that a direct request may call this machine by
 */
export function isDirectRequest(req: IncomingMessage, publicHost?: string): boolean {
  if (req.httpVersion !== '1.1') return false
  if (Object.keys(req.headers).some(isForwarding) || isFromWebPage(req.headers, { sameOrigin: false })) return false
  const host = hostNameOf(req.headers.host)
  return host !== undefined && (isLoopback(host) || host === publicHost)
}

function isForwarding(name: string): boolean {
  return FORWARDING.has(name) || FORWARDING_PREFIXES.some((prefix) => name.startsWith(prefix))
}
