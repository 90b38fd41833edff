import { isIP } from 'node:net'

/**
 * Whether a host, as in an option or in a URL (with or without the brackets of IPv6), only reaches this machine: `localhost`, `::1` and the
 * whole of 127.0.0.0/8. Other names are not looked up, and IPv4-mapped IPv6 is not loopback.
 */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}
