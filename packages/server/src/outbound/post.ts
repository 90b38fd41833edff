/**
 * Calls that this server makes on behalf of apps: one POST of JSON to a checked address, bounded in time and size.
 *
 * A name is resolved once, all of its addresses are checked, and only those are connected to: what the name resolves to later does not
 * matter. HTTPS is required except for loopback addresses; redirects are treated like any other response.
 */
import { Resolver } from 'node:dns/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isLoopback } from '@vouchsafe/service'
import type { WebhookNetworks } from '../config/index.ts'
import { OutboundError, type Outbound } from '../secrets/index.ts'
import { addressKind, isAllowed } from './addresses.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const PATIENCE_MS = 10_000
const MAX_URL = 2048

interface Address {
  address: string
  family: number
}

/** Returns a name's addresses; tests supply their own. */
export type Resolve = (host: string) => Promise<Address[]>

const LOOPBACK_ADDRESSES: Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * Asks the DNS servers directly: `dns.lookup` would keep a thread of the pool busy for as long as a name server chosen by an app takes,
 * and with it the cryptography that runs on the pool.
 */
const systemResolve: Resolve = async (host) => {
  if (isLoopback(host)) return LOOPBACK_ADDRESSES
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason
  return [
    ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
  ]
}

export interface OutboundOptions {
  networks: WebhookNetworks
  resolve?: Resolve
  /** Milliseconds for a whole exchange. */
  patience?: number
}

export function createOutbound({ networks, resolve = systemResolve, patience = PATIENCE_MS }: OutboundOptions): Outbound {
  return {
    refusal: (url) => urlRefusal(url, networks),
    async postJson(url, body, headers, signal) {
      const refusal = urlRefusal(url, networks)
      if (refusal !== undefined) throw new OutboundError(`cannot be called: its url ${refusal}`)
      const target = new URL(url)
      const deadline = AbortSignal.timeout(patience)
      const ended = AbortSignal.any([deadline, signal])
      try {
        const addresses = await untilAborted(resolveChecked(target, networks, resolve), ended)
        return await exchange(target, addresses, body, headers, ended)
      } catch (error) {
        if (deadline.aborted) throw new OutboundError(`gave no answer within ${patience / 1000} seconds`)
        if (error instanceof OutboundError || signal.aborted) throw error
        // The exact failure would reveal to an app networks that it cannot see.
        throw new OutboundError(isTlsFailure(error) ? 'has no valid TLS certificate' : 'could not be reached')
      }
    },
  }
}

/** What is wrong with a URL, judged by its text: completes "The url …". */
function urlRefusal(text: string, networks: WebhookNetworks): string | undefined {
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'must be an https:// address'
  if (url.username !== '' || url.password !== '' || url.hash !== '') return 'must hold neither credentials nor a fragment'
  const host = hostOf(url)
  const toLoopback = isLoopback(host)
  if (url.protocol === 'http:' && !toLoopback) return 'must be an https:// address; http:// is for loopback addresses only'
  if ((toLoopback && networks !== 'loopback') || (isIP(host) !== 0 && !isAllowed(host, networks))) {
    return 'names an address that this server may not call (webhook-networks)'
  }
  return undefined
}

/** The host, without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Every address of the URL's host, all of them allowed. */
async function resolveChecked(url: URL, networks: WebhookNetworks, resolve: Resolve): Promise<Address[]> {
  const host = hostOf(url)
  const addresses = isIP(host) === 0 ? await resolve(host) : [{ address: host, family: isIP(host) }]
  const allowed = addresses.every(
    ({ address }) => isAllowed(address, networks) && (url.protocol === 'https:' || addressKind(address) === 'loopback'),
  )
  if (addresses.length === 0 || !allowed) throw new OutboundError('has an address that this server may not call (webhook-networks)')
  return addresses
}

function exchange(
  url: URL,
  addresses: Address[],
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ status: number; body: Buffer }> {
  const pinned: LookupFunction = (_host, { all }, done) => {
    if (all) done(null, addresses)
    else done(null, addresses[0]!.address, addresses[0]!.family)
  }
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const req = request(
      url,
      {
        method: 'POST',
        agent: false,
        lookup: pinned,
        signal,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'vouchsafe',
          ...headers,
          'content-length': Buffer.byteLength(body),
        },
      },
      (res) => readBounded(res).then((content) => resolve({ status: res.statusCode!, body: content }), reject),
    )
    req.on('error', reject)
    req.end(body)
  })
}

async function readBounded(res: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of res as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new OutboundError(`answered with more than ${MAX_ANSWER_BYTES / 1024} KiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Resolving a name cannot be cancelled; its answer is then ignored. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function isTlsFailure(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)
}
