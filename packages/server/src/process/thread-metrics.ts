import type { AppContext } from './context.ts'
import type { ThreadMetricSources } from './metrics.ts'

/** What a thread's metrics are read from. */
export function threadMetricSources({
  keyCache,
  apps,
  secrets,
  crypto,
  attestation,
  resigning,
}: Pick<AppContext, 'keyCache' | 'apps' | 'secrets' | 'crypto' | 'attestation' | 'resigning'>): ThreadMetricSources {
  return {
    keyCache: () => keyCache,
    appCache: () => apps.cacheSize,
    dataKeys: () => secrets.dataKeys.size,
    cryptoQueue: () => crypto.queued,
    authority: () => ({
      nonces: attestation.nonces.statistics,
      tokens: attestation.tokens.statistics,
      measurements: attestation.attest.statistics,
      akCertificates: attestation.akCertificates.statistics,
      resigning: resigning.statistics,
      appraisals: attestation.appraiser.statistics,
    }),
  }
}
