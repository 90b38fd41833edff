import type { QuotePolicies } from './policies.ts'
import { readFile } from 'node:fs/promises'
import {
  configfsTsmProvider,
  gramineProvider,
  INTEL_SGX_ROOT,
  serviceUrl,
  simulatedEnclave,
  type QuoteProvider,
  type QuoteReport,
  type TcbStatus,
} from '@vouchsafe/dcap'
import { certificatesFromPem, type Certificate } from '@vouchsafe/x509'
import { ConfigError, type QuoteProviderName } from '../config/index.ts'
import type { Log, Runtime, SharedAmounts } from '../foundation/index.ts'
import type { Envelope } from '../envelope/index.ts'
import type { Storage } from '../storage/index.ts'
import { CollateralCache } from './collateral-cache.ts'
import { fileSource, NO_SOURCE, simulatedSource, type CollateralSource } from './collateral-source.ts'
import { loadSimulatedPki } from './simulated-pki.ts'

export interface QuoteSettings {
  provider: QuoteProviderName
  /** The folder of the provider's files, if not the system's default. */
  providerPath: string | undefined
  /** A file, a folder or a URL. */
  collateral: string | undefined
  /** PEM file of the roots that real quotes must chain to, if not Intel's root. */
  roots: string | undefined
  trustBoth: boolean
  accept: readonly TcbStatus[]
  mrEnclave: string
  mrSigner: string
}

/** A quote, and collateral that came with it. */
export interface InlineQuote {
  quote: Uint8Array
  /** JSON. */
  collateral: string
  /** Milliseconds since 1970. */
  at: number
  /** DER. */
  roots: Uint8Array[]
  accept: readonly TcbStatus[]
}

export interface QuoteServices {
  /** Which enclaves the tenants expect. */
  policies: Pick<QuotePolicies, 'find'>
  storage: Storage
  envelope: Envelope
  runtime: Runtime
  log: Log
  /** Work of apps under way over all threads; this thread's alone unless given. */
  underWay?: SharedAmounts | undefined
  /** SHA-256 of the listener's TLS key; undefined without TLS. */
  tlsKeyHash: () => Uint8Array | undefined
  fetch?: typeof globalThis.fetch
  /**
   * Verifies a quote with collateral that came with the request, on a worker thread.
   * @throws {ServiceError} `invalid` when it isn't collateral; `busy`
   */
  verifyAside(owner: string, task: InlineQuote): Promise<QuoteReport>
}

/** Roots, and where the collateral for quotes under them comes from. */
export interface TrustedSource {
  roots: readonly Certificate[]
  source: CollateralSource
}

export interface Assembled {
  provider: QuoteProvider | undefined
  sources: readonly TrustedSource[]
}

/**
 * Assembles what the settings ask for. The simulated root is trusted only with the simulated provider, and exclusively, unless both are
 * requested.
 * @throws {ConfigError} for collateral or roots that cannot be read
 */
export async function assemble(services: QuoteServices, settings: QuoteSettings): Promise<Assembled> {
  const { provider, providerPath, trustBoth } = settings
  const path = providerPath === undefined ? {} : { path: providerPath }
  if (provider !== 'simulated') {
    const real = provider === 'gramine' ? gramineProvider(path) : provider === 'configfs-tsm' ? configfsTsmProvider(path) : undefined
    return { provider: real, sources: [await realSource(services, settings)] }
  }
  const { storage, envelope, runtime } = services
  const { mrEnclave, mrSigner } = settings
  const enclave = simulatedEnclave({ pki: await loadSimulatedPki(storage, envelope, runtime), mrEnclave, mrSigner })
  const simulated = { roots: [enclave.root], source: simulatedSource(enclave, runtime) }
  return { provider: enclave, sources: trustBoth ? [simulated, await realSource(services, settings)] : [simulated] }
}

async function realSource(services: QuoteServices, settings: QuoteSettings): Promise<TrustedSource> {
  const { collateral } = settings
  const roots = settings.roots === undefined ? [INTEL_SGX_ROOT] : await reading('quote-roots', () => readRoots(settings.roots!))
  if (collateral === undefined) return { roots, source: NO_SOURCE }
  if (/^https?:\/\//i.test(collateral)) {
    const { href: baseUrl } = await reading('quote-collateral', async () => serviceUrl(collateral))
    return { roots, source: new CollateralCache({ ...services, baseUrl, roots }) }
  }
  return { roots, source: await reading('quote-collateral', () => fileSource(collateral, services)) }
}

async function readRoots(path: string): Promise<Certificate[]> {
  return certificatesFromPem(await readFile(path, 'latin1'))
}

async function reading<T>(option: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new ConfigError(`${option}: ${(error as Error).message}`)
  }
}
