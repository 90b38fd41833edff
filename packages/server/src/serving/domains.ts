/**
 * The domains of one serving thread, over what the process shares: their caches follow the store by the change feed. Created in order,
 * disposed of in reverse.
 */
import type { KeyCrypto } from '@vouchsafe/crypto'
import { Appraiser, createAttestation, type Attestation, type Issuer } from '../attestation/index.ts'
import type { Config } from '../config/index.ts'
import type { Envelope } from '../envelope/index.ts'
import type { Log, Runtime, SharedAmounts } from '../foundation/index.ts'
import { Cryptography, GenerationQueue, KeyCache, KeyImport, KeyLifecycle } from '../keys/index.ts'
import { createOutbound } from '../outbound/index.ts'
import { QuotePolicies } from '../quotes/index.ts'
import { createSecrets, type Secrets } from '../secrets/index.ts'
import { RowResigning, RowSignatures, SigningKeys } from '../signing-keys/index.ts'
import type { ChangeFeed, Storage } from '../storage/index.ts'
import { Apps, EnrollTokens, Users } from '../tenants/index.ts'

/** What the domains are built on. */
export interface DomainServices {
  storage: Storage
  envelope: Envelope
  crypto: KeyCrypto
  feed: ChangeFeed
  runtime: Runtime
  log: Log
  /** What apps have under way in all threads; of this thread alone unless given. */
  underWay?: SharedAmounts | undefined
}

export interface Domains {
  apps: Apps
  users: Users
  enrollTokens: EnrollTokens
  keyCache: KeyCache
  keys: KeyLifecycle
  cryptography: Cryptography
  keyImport: KeyImport
  secrets: Secrets
  quotePolicies: QuotePolicies
  signingKeys: SigningKeys
  rowSignatures: RowSignatures
  resigning: RowResigning
  attestation: Attestation
  issuer: Issuer
}

/** Everything returned subscribes to the feed before the feed is started. */
export function openDomains(services: DomainServices, config: Config): Domains & AsyncDisposable {
  const { storage, envelope, crypto, feed, runtime, log, underWay } = services
  const stack = new AsyncDisposableStack()
  const keyServices = { ...services, generations: new GenerationQueue() }
  const keyCache = new KeyCache(keyServices, config.keyCache)
  const outbound = createOutbound({ networks: config.webhookNetworks })
  const signingKeys = stack.use(new SigningKeys({ storage, envelope, runtime, feed, log }, config))
  const rowSignatures = new RowSignatures(signingKeys)
  const resigning = new RowResigning({ storage, runtime, log, signingKeys, signatures: rowSignatures })
  const issuer: Issuer = { url: config.publicUrl }
  const appraiser = stack.use(new Appraiser({ workers: config.appraisalWorkers }))
  return {
    apps: new Apps({ storage, envelope, crypto, runtime, feed }),
    users: new Users({ storage, envelope, runtime, feed }),
    enrollTokens: new EnrollTokens({ storage, runtime }),
    keyCache,
    keys: new KeyLifecycle(keyServices, keyCache, config),
    cryptography: new Cryptography({ keyCache, crypto, runtime, underWay }),
    keyImport: new KeyImport(keyServices, keyCache),
    secrets: createSecrets({ ...keyServices, keyCache, outbound }, config, config.keyCache),
    quotePolicies: new QuotePolicies({ storage, runtime }),
    signingKeys,
    rowSignatures,
    resigning,
    attestation: createAttestation({ ...services, signingKeys, rowSignatures, resigning, appraiser }, { ...config, issuer }),
    issuer,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
