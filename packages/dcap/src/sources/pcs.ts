/**
 * Collateral over HTTP: Intel's Provisioning Certification Service and its caches, PCCS, which have the same API (Intel PCS API v4; PCCS
 * API).
 */
import type { CollateralPart } from '../collateral/collateral.ts'
import { CollateralError } from '../errors.ts'
import type { PlatformId } from './platform-id.ts'

export interface FetchOptions {
  /** Such as https://api.trustedservices.intel.com, or a PCCS's https://localhost:8081. */
  baseUrl: string
  platform: PlatformId
  fetch?: typeof globalThis.fetch
  /** For all of it together; 15 s by default. */
  timeoutMs?: number
}

/** Intel's own service has no path for the root's CRL: the root certificate names this one. */
const INTEL_HOST = 'api.trustedservices.intel.com'
const INTEL_ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'
const MAX_BODY = 16 * 1024 * 1024
const TIMEOUT_MS = 15_000

/**
 * Fetches the parts for a platform, to be read by `readCollateral`. Throws CollateralError, which names what could not be fetched.
 *
 * @example
 * const pccs = fetchCollateral({ baseUrl: 'https://localhost:1', platform: platformIdOf(quote) })
 * await pccs // throws CollateralError
 */
export async function fetchCollateral(options: FetchOptions): Promise<CollateralPart[]> {
  const { platform } = options
  const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  const base = serviceUrl(options.baseUrl)
  const get = (name: string, path: string, chainHeaders: readonly string[] = []) =>
    fetchParts(options.fetch ?? globalThis.fetch, signal, { name, url: new URL(path, base), chainHeaders })
  const tee = platform.tee.toLowerCase()
  const parts = await Promise.all([
    get('root CRL', base.hostname === INTEL_HOST ? INTEL_ROOT_CRL : 'sgx/certification/v4/rootcacrl'),
    get('PCK CRL', `sgx/certification/v4/pckcrl?ca=${platform.ca}&encoding=der`, ['SGX-PCK-CRL-Issuer-Chain']),
    get('TCB info', `${tee}/certification/v4/tcb?fmspc=${platform.fmspc.toUpperCase()}`, [
      'TCB-Info-Issuer-Chain',
      'SGX-TCB-Info-Issuer-Chain',
    ]),
    get('QE identity', `${tee}/certification/v4/qe/identity`, ['SGX-Enclave-Identity-Issuer-Chain']),
  ])
  return parts.flat()
}

/**
 * The address of a service, perhaps with the path of its API at the end, as the configuration of Intel's own programs has it. Throws
 * CollateralError.
 *
 * @example
 * serviceUrl('https://pccs.example/sgx/certification/v4').href // → 'https://pccs.example/'
 */
export function serviceUrl(text: string): URL {
  const url = URL.parse(`${text.replace(/(?:\/sgx\/certification\/v\d)?\/?$/, '')}/`)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '')
    throw new CollateralError('collateral URL', 'an http or https URL without a user name is expected')
  return url
}

interface Wanted {
  name: string
  url: URL
  /** The signers' certificates come in a header, as URL-encoded PEM. */
  chainHeaders: readonly string[]
}

async function fetchParts(
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
  { name, url, chainHeaders }: Wanted,
): Promise<CollateralPart[]> {
  let response: Response
  let bytes: Buffer
  try {
    response = await fetch(url, { signal, redirect: 'error' })
    bytes = await readBody(response, name)
  } catch (error) {
    if (error instanceof CollateralError) throw error
    throw new CollateralError(name, `${url.origin} cannot be reached: ${signal.aborted ? 'timed out' : codeOf(error)}`)
  }
  if (response.status !== 200) throw new CollateralError(name, `${url.origin} answered ${response.status}`)
  const header = chainHeaders.map((one) => response.headers.get(one)).find((value) => value !== null)
  if (header === undefined) return [{ name, bytes }]
  return [
    { name, bytes },
    { name: `${name}, issuers`, bytes: Buffer.from(decoded(header, name)) },
  ]
}

async function readBody(response: Response, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_BODY) throw new CollateralError(name, `longer than ${MAX_BODY} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decoded(header: string, name: string): string {
  try {
    return decodeURIComponent(header)
  } catch {
    throw new CollateralError(name, 'the header with its issuers is malformed')
  }
}

function codeOf(error: unknown): string {
  const { cause } = error as Error
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? 'connection failed'
}
