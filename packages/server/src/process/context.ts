/** The application's one context: everything that outlives a request, made in order and disposed of in reverse. */
import { createKeyCrypto, runSelfTests, type KeyCrypto } from '@vouchsafe/crypto'
import { Appraiser, createAttestation, type Attestation, type Issuer } from '../attestation/index.ts'
import { Trail } from '../trail/index.ts'
import { ChangeFeed, openStorage, type Storage } from '../storage/index.ts'
import type { Config } from '../config/index.ts'
import { Metrics } from './metrics.ts'
import { Cryptography, GenerationQueue, KeyCache, KeyImport, KeyLifecycle } from '../keys/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import { createOutbound } from '../outbound/index.ts'
import { configuredSeal, type AskPassphrase, type Seal } from '../root-key/index.ts'
import { followDomainKeys, openEnvelope, type Envelope } from '../envelope/index.ts'
import { QuotePolicies } from '../quotes/index.ts'
import { createSecrets, type Secrets } from '../secrets/index.ts'
import { RowResigning, RowSignatures, SigningKeys } from '../signing-keys/index.ts'
import { Apps, EnrollTokens, Users } from '../tenants/index.ts'

export interface AppContext extends AsyncDisposable {
  config: Config
  runtime: Runtime
  log: Log
  metrics: Metrics
  storage: Storage
  envelope: Envelope
  crypto: KeyCrypto
  feed: ChangeFeed
  keyCache: KeyCache
  apps: Apps
  keys: KeyLifecycle
  cryptography: Cryptography
  keyImport: KeyImport
  secrets: Secrets
  enrollTokens: EnrollTokens
  seal: Seal
  /** Of a server; an operator command serves no calls. */
  trail: Trail | undefined
  role: 'server' | 'operator'
  quotePolicies: QuotePolicies
  users: Users
  signingKeys: SigningKeys
  rowSignatures: RowSignatures
  resigning: RowResigning
  attestation: Attestation
  issuer: Issuer
}

/**
 * Opens the store, proves the algorithms by their known answers and unseals.
 * @param role a server shares the store with others; an operator command has it alone
 * @throws {StorageError | SealError | SelfTestError} with nothing left open
 */
export async function openContext(options: {
  config: Config
  runtime: Runtime
  log: Log
  role: 'server' | 'operator'
  /** Asks somebody for the root key's passphrase, where there is somebody. */
  askPassphrase?: AskPassphrase | undefined
}): Promise<AppContext> {
  const { config, runtime, log, role } = options
  await using stack = new AsyncDisposableStack()
  const metrics = new Metrics()
  const crypto = stack.use(createKeyCrypto({ workers: config.cryptoWorkers }))
  await runSelfTests()
  const storage = stack.use(
    await openStorage({
      dataDir: config.dataDir,
      ...(config.databaseUrl === undefined ? {} : { databaseUrl: config.databaseUrl }),
      role,
      observe: metrics.observeStorage,
    }),
  )
  const seal = configuredSeal(config, runtime, options.askPassphrase)
  const envelope = await openEnvelope(storage, seal, runtime)
  const feed = new ChangeFeed(storage, runtime, log)
  stack.use(followDomainKeys(envelope, feed, log))
  stack.use(feed)
  const keyServices = { storage, envelope, crypto, runtime, feed, log, generations: new GenerationQueue() }
  const keyCache = new KeyCache(keyServices, config.keyCache)
  const apps = new Apps({ storage, envelope, crypto, runtime, feed })
  const keys = new KeyLifecycle(keyServices, keyCache, config)
  const cryptography = new Cryptography({ keyCache, crypto, runtime })
  const keyImport = new KeyImport(keyServices, keyCache)
  const outbound = createOutbound({ networks: config.webhookNetworks })
  const secrets = createSecrets({ ...keyServices, keyCache, outbound }, config, config.keyCache)
  const quotePolicies = new QuotePolicies({ storage, runtime })
  const users = new Users({ storage, envelope, runtime, feed })
  const signingKeys = stack.use(new SigningKeys({ storage, envelope, runtime, feed, log }, config))
  const rowSignatures = new RowSignatures(signingKeys)
  const resigning = new RowResigning({ storage, runtime, log, signingKeys, signatures: rowSignatures })
  const issuer: Issuer = { url: config.publicUrl }
  const appraiser = stack.use(new Appraiser({ workers: config.appraisalWorkers }))
  const attestation = createAttestation(
    { storage, envelope, runtime, log, feed, crypto, signingKeys, rowSignatures, resigning, appraiser },
    { ...config, issuer },
  )
  const enrollTokens = new EnrollTokens({ storage, runtime })
  await feed.start()
  // What changed between the first look and the feed's start.
  await envelope.refresh()
  const trail = role === 'server' ? stack.use(new Trail(config.dataDir, runtime, log)) : undefined
  const owned = stack.move()
  return {
    config,
    runtime,
    log,
    metrics,
    storage,
    envelope,
    crypto,
    feed,
    keyCache,
    apps,
    keys,
    cryptography,
    keyImport,
    secrets,
    enrollTokens,
    seal,
    trail,
    role,
    quotePolicies,
    users,
    signingKeys,
    rowSignatures,
    resigning,
    attestation,
    issuer,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
