/**
 * Quotes: producing the server's own, bound to a challenge, and verifying anyone's. The simulated provider's root is trusted only while
 * that provider is in use, and exclusively unless the operator asks for both.
 */
import type { Principal } from '../access/index.ts'
import {
  carriesTrustedPck,
  createPlatformCache,
  parseQuote,
  QuoteError,
  QuoteProviderError,
  verifyQuote,
  type Collateral,
  type Quote,
  type QuoteProvider,
  type QuoteReport,
} from '@vouchsafe/dcap'
import { quoteReportData } from '@vouchsafe/client'
import type { Certificate } from '@vouchsafe/x509'
import { PerAppLimit, ServiceError } from '../foundation/index.ts'
import { assemble, type Assembled, type QuoteServices, type QuoteSettings, type TrustedSource } from './assemble.ts'
import type { QuoteProviderName } from '../config/index.ts'

const REFRESH_MS = 5 * 60_000
/** The most quotes that an app may be waiting for. */
const MAX_MADE_PER_APP = 16
/** Wire limit of VerifyQuote (contract §5.13). */
const MAX_VERIFIED_LENGTH = 8192

/**
 * Checks that tie a quote's measurements to the key of a platform that a trusted root knows; without them the measurements belong to no
 * known enclave.
 */
const BINDING_CHECKS: ReadonlySet<string> = new Set([
  'pck-certificate',
  'pck-role',
  'pck-signature',
  'pck-chain-anchor',
  'qe-report-signature',
  'qe-mrsigner',
  'qe-report-binding',
  'quote-signature',
])

export class Quotes implements AsyncDisposable {
  readonly providerName: QuoteProviderName
  readonly #services: QuoteServices
  readonly #settings: QuoteSettings
  readonly #provider: QuoteProvider | undefined
  readonly #roots: readonly Certificate[]
  /** Keyed by the roots that they serve. */
  readonly #sources: readonly TrustedSource[]
  readonly #cache = createPlatformCache()
  readonly #share: PerAppLimit
  #lastMade: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #refreshing: Promise<unknown> = Promise.resolve()

  private constructor(services: QuoteServices, settings: QuoteSettings, parts: Assembled) {
    this.providerName = settings.provider
    this.#services = services
    this.#share = new PerAppLimit('quotes', MAX_MADE_PER_APP, services.underWay)
    this.#settings = settings
    this.#provider = parts.provider
    this.#sources = parts.sources
    this.#roots = parts.sources.flatMap(({ roots }) => roots)
  }

  /** Throws if a collateral file cannot be read. */
  static async open(services: QuoteServices, settings: QuoteSettings): Promise<Quotes> {
    const quotes = new Quotes(services, settings, await assemble(services, settings))
    await quotes.refresh()
    quotes.#timer = setInterval(() => void quotes.refresh(), REFRESH_MS).unref()
    return quotes
  }

  /**
   * A quote of this server whose report data is bound to the challenge and, with TLS, to its key (`quoteReportData`).
   * @throws {ServiceError} `quote_provider_missing`, `quote_provider_failed`, `app_busy`
   */
  async generate(principal: Principal, challenge: Uint8Array): Promise<Buffer> {
    const { tenant: appId } = principal
    const provider = this.#provider
    if (!provider) throw new ServiceError('quote_provider_missing')
    return this.#share.run(appId, () => {
      // One at a time: each occupies a thread of the pool for as long as the platform takes, and the pool is small and shared.
      const quote = this.#lastMade.then(() => this.#make(provider, challenge))
      this.#lastMade = quote.catch(() => undefined)
      return quote
    })
  }

  async #make(provider: QuoteProvider, challenge: Uint8Array): Promise<Buffer> {
    try {
      return (await provider.quote(quoteReportData(challenge, this.#services.tlsKeyHash()))).bytes
    } catch (error) {
      if (error instanceof QuoteProviderError || error instanceof QuoteError)
        throw new ServiceError('quote_provider_failed', { detail: error.message, cause: error })
      throw error
    }
  }

  /**
   * As {@link verify}, of a quote that must be of the enclave that a policy of the caller's describes.
   * @throws {ServiceError} `quote_policy_not_found`, `quote_policy_mismatch`, or as {@link verify}
   */
  async verifyFor(
    principal: Principal,
    { quote, policyId, collateral }: { quote: Uint8Array; policyId: string | undefined; collateral: string | undefined },
  ): Promise<QuoteReport> {
    const policy = policyId === undefined ? undefined : await this.#services.policies.find(principal, policyId)
    if (policy === null) throw new ServiceError('quote_policy_not_found')
    const { report, authentic } = await this.verify(quote, collateral, principal.tenant)
    // The measurements of a quote that nobody vouches for are no enclave's, so they match no policy.
    if (policy && !(authentic && isEnclave(report, policy))) throw new ServiceError('quote_policy_mismatch')
    return report
  }

  /**
   * Verifies a quote as of now, with the given collateral or the server's own. `authentic`: its measurements are those of the
   * enclave that a trusted platform's key vouches for, whatever the platform's status.
   * @throws {ServiceError} for quotes and collateral that cannot be read, and collateral that is unavailable
   */
  async verify(bytes: Uint8Array, collateral?: string, owner = ''): Promise<{ report: QuoteReport; authentic: boolean }> {
    const quote = readQuote(bytes)
    const at = this.#services.runtime.now()
    const report = await (collateral === undefined
      ? this.#verifyOwn(quote, new Date(at))
      : this.#verifyInline(bytes, collateral, at, owner))
    return { report, authentic: !report.checks.some(({ name, passed }) => !passed && BINDING_CHECKS.has(name)) }
  }

  /** With our own collateral, whose chains were verified before; the quote's own chain takes a few signatures on P-256. */
  async #verifyOwn(quote: Quote, at: Date): Promise<QuoteReport> {
    const collateral = await this.#collateralFor(quote, at)
    return verifyQuote(quote, { collateral, at, roots: this.#roots, accept: this.#settings.accept, cache: this.#cache })
  }

  async #verifyInline(quote: Uint8Array, collateral: string, at: number, owner: string): Promise<QuoteReport> {
    const roots = this.#roots.map(({ der }) => der)
    try {
      return await this.#services.verifyAside(owner, { quote, collateral, at, roots, accept: this.#settings.accept })
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'invalid') throw error
      throw new ServiceError('quote_collateral_malformed', { message: `The collateral is malformed, ${error.message}.` })
    }
  }

  /** Days until the first collateral in hand expires; NaN if there is none. */
  get collateralDaysLeft(): number {
    const left = this.#sources.map(({ source }) => source.daysLeft()).filter((days) => days !== undefined)
    return left.length === 0 ? NaN : Math.min(...left)
  }

  refresh(): Promise<unknown> {
    const { log } = this.#services
    this.#refreshing = Promise.all(this.#sources.map(({ source }) => source.refresh())).catch((error: unknown) =>
      log.warn({ err: error }, 'cannot renew collateral'),
    )
    return this.#refreshing
  }

  #collateralFor(quote: Quote, at: Date): Promise<Collateral> {
    // Each root has its own collateral; a quote under none of them is refused with the last one's.
    const own = this.#sources.slice(0, -1).find(({ roots }) => carriesTrustedPck(quote, roots, at))
    return (own ?? this.#sources.at(-1)!).source.collateralFor(quote)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#refreshing
  }
}

/** What an enclave or a trust domain is known by: the measurement of what runs, and who signed it; a TD has no signer. */
export function enclaveOf({ measurements }: QuoteReport): { mrEnclave: string; mrSigner: string } {
  if ('mrEnclave' in measurements) return { mrEnclave: measurements.mrEnclave, mrSigner: measurements.mrSigner }
  return { mrEnclave: measurements.mrTd, mrSigner: '' }
}

function isEnclave(report: QuoteReport, policy: { mrEnclave: string; mrSigner: string }): boolean {
  const { mrEnclave, mrSigner } = enclaveOf(report)
  return policy.mrEnclave.toLowerCase() === mrEnclave && policy.mrSigner.toLowerCase() === mrSigner
}

function readQuote(bytes: Uint8Array): Quote {
  if (bytes.length === 0 || bytes.length > MAX_VERIFIED_LENGTH) throw new ServiceError('quote_length')
  try {
    return parseQuote(bytes)
  } catch (error) {
    if (error instanceof QuoteError) throw new ServiceError('quote_malformed', { message: `The quote is malformed, ${error.message}.` })
    throw error
  }
}
