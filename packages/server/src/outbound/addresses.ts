/** Which addresses this server may call on behalf of apps, so that no app can make it reach internal services. */
import { BlockList, isIP, isIPv4 } from 'node:net'
import type { WebhookNetworks } from '../config/index.ts'

export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden'

function list(...ranges: string[]): BlockList {
  const blocks = new BlockList()
  for (const range of ranges) {
    const [address, bits] = range.split('/') as [string, string]
    blocks.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6')
  }
  return blocks
}

const LOOPBACK = list('127.0.0.0/8', '::1/128')

/**
 * Never called: metadata services of clouds, wherever they are, link-local, multicast, unspecified, and addresses that embed another
 * address.
 */
const FORBIDDEN = list(
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.0/24',
  '0.0.0.0/8',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  'fd00:ec2::/32',
  'fd20:ce::/32',
)

/** RFC 1918, shared address space (RFC 6598), unique local addresses (RFC 4193). */
const PRIVATE = list('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')

/** All other IPv6 addresses are forbidden: mapped and translated IPv4 ones among them. */
const GLOBAL_IPV6 = list('2000::/3')
/** Of those: protocol assignments with Teredo, documentation, 6to4. */
const SPECIAL_IPV6 = list('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')

/** What kind of address this is; text that is not an address is forbidden. */
export function addressKind(address: string): AddressKind {
  const version = isIP(address)
  if (version === 0 || address.includes('%')) return 'forbidden'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  // BlockList treats a mapped address as the IPv4 address that it maps.
  if (family === 'ipv6' && /^[0:]*:ffff:/i.test(new URL(`http://[${address}]`).hostname.slice(1))) return 'forbidden'
  if (FORBIDDEN.check(address, family)) return 'forbidden'
  if (LOOPBACK.check(address, family)) return 'loopback'
  if (PRIVATE.check(address, family)) return 'private'
  if (family === 'ipv4') return 'public'
  return GLOBAL_IPV6.check(address, family) && !SPECIAL_IPV6.check(address, family) ? 'public' : 'forbidden'
}

const REACH: Readonly<Record<WebhookNetworks, readonly AddressKind[]>> = {
  public: ['public'],
  private: ['public', 'private'],
  loopback: ['public', 'private', 'loopback'],
}

/** Whether an address may be called. */
export function isAllowed(address: string, networks: WebhookNetworks): boolean {
  return REACH[networks].includes(addressKind(address))
}
