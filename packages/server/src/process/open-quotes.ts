import { quoteProviderOf, type Config } from '../config/index.ts'
import { Quotes, type QuoteServices } from '../quotes/index.ts'
import type { AppContext } from './context.ts'

/**
 * The quotes of a thread.
 * @param tlsKeyHash of the certificate that is served, once there is one
 * @throws {ConfigError} for collateral or roots that cannot be read
 */
export function openQuotes(
  services: Pick<AppContext, 'storage' | 'envelope' | 'runtime' | 'log' | 'quotePolicies' | 'attestation'> &
    Pick<QuoteServices, 'underWay'>,
  config: Config,
  tlsKeyHash: () => Buffer | undefined,
): Promise<Quotes> {
  const { storage, envelope, runtime, log, underWay, quotePolicies: policies, attestation } = services
  return Quotes.open(
    {
      storage,
      envelope,
      runtime,
      log,
      underWay,
      policies,
      tlsKeyHash,
      verifyAside: (owner, task) => attestation.appraiser.verifyQuote(owner, task),
    },
    {
      provider: quoteProviderOf(config),
      providerPath: config.quoteProviderPath,
      collateral: config.quoteCollateral,
      roots: config.quoteRoots,
      trustBoth: config.quoteTrustBoth,
      accept: config.quoteAccept,
      mrEnclave: config.quoteSimulatedMrenclave,
      mrSigner: config.quoteSimulatedMrsigner,
    },
  )
}
