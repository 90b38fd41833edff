/** The application's one context: everything that outlives a request, made in order and disposed of in reverse. */
import { createKeyCrypto, runSelfTests, type KeyCrypto } from '@vouchsafe/crypto'
import { Appraiser } from './attestation/appraisal/appraiser.ts'
import { createAttestation, type Attestation } from './attestation/attestation.ts'
import type { Issuer } from './attestation/tokens.ts'
import { CallLog } from './audit/call-log.ts'
import { ChangeFeed } from './change-feed.ts'
import type { Config } from './config.ts'
import { Metrics } from './http/metrics.ts'
import { Cryptography } from './keys/cryptography.ts'
import { GenerationQueue } from './keys/generation-queue.ts'
import { KeyImport } from './keys/key-import.ts'
import { KeyManager } from './keys/key-manager.ts'
import { KeyRing } from './keys/key-ring.ts'
import type { Log } from './log.ts'
import { createOutbound } from './outbound/post.ts'
import type { Platform } from './platform.ts'
import { configuredSeal, type AskPassphrase } from './seal/configured.ts'
import { followDomainKeys } from './seal/domain-key-following.ts'
import type { Seal } from './seal/seal.ts'
import { openVault, type Vault } from './seal/vault.ts'
import { QuotePolicies } from './quotes/policies.ts'
import { createSecrets, type Secrets } from './secrets/secrets.ts'
import { Keyring } from './signing-keys/keyring.ts'
import { RowResigning } from './signing-keys/row-resigning.ts'
import { RowSignatures } from './signing-keys/row-signatures.ts'
import { openStorage, type Storage } from './storage/index.ts'
import { Apps } from './tenants/apps.ts'
import { EnrollTokens } from './tenants/enroll-tokens.ts'
import { Users } from './tenants/users.ts'

export interface AppContext extends AsyncDisposable {
  config: Config
  platform: Platform
  log: Log
  metrics: Metrics
  storage: Storage
  vault: Vault
  crypto: KeyCrypto
  feed: ChangeFeed
  ring: KeyRing
  apps: Apps
  keys: KeyManager
  cryptography: Cryptography
  keyImport: KeyImport
  secrets: Secrets
  enrollTokens: EnrollTokens
  seal: Seal
  /** Of a server; an operator command serves no calls. */
  callLog: CallLog | undefined
  role: 'server' | 'operator'
  quotePolicies: QuotePolicies
  users: Users
  keyring: Keyring
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
  platform: Platform
  log: Log
  role: 'server' | 'operator'
  /** Asks somebody for the root key's passphrase, where there is somebody. */
  askPassphrase?: AskPassphrase | undefined
}): Promise<AppContext> {
  const { config, platform, log, role } = options
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
  const seal = configuredSeal(config, platform, options.askPassphrase)
  const vault = await openVault(storage, seal, platform)
  const feed = new ChangeFeed(storage, platform, log)
  stack.use(followDomainKeys(vault, feed, log))
  stack.use(feed)
  const keyServices = { storage, vault, crypto, platform, feed, log, generations: new GenerationQueue() }
  const ring = new KeyRing(keyServices, config.keyCache)
  const apps = new Apps({ storage, vault, crypto, platform, feed })
  const keys = new KeyManager(keyServices, ring, config)
  const cryptography = new Cryptography({ ring, crypto, platform })
  const keyImport = new KeyImport(keyServices, ring)
  const outbound = createOutbound({ networks: config.webhookNetworks })
  const secrets = createSecrets({ ...keyServices, ring, outbound }, config, config.keyCache)
  const quotePolicies = new QuotePolicies({ storage, platform })
  const users = new Users({ storage, vault, platform, feed })
  const keyring = stack.use(new Keyring({ storage, vault, platform, feed, log }, config))
  const rowSignatures = new RowSignatures(keyring)
  const resigning = new RowResigning({ storage, platform, log, keyring, signatures: rowSignatures })
  const issuer: Issuer = { url: config.publicUrl }
  const appraiser = stack.use(new Appraiser({ workers: config.appraisalWorkers }))
  const attestation = createAttestation(
    { storage, vault, platform, log, feed, crypto, keyring, rowSignatures, resigning, appraiser },
    { ...config, issuer },
  )
  const enrollTokens = new EnrollTokens({ storage, platform })
  await feed.start()
  // What changed between the first look and the feed's start.
  await vault.refresh()
  const callLog = role === 'server' ? stack.use(new CallLog(config.dataDir, platform, log)) : undefined
  const owned = stack.move()
  return {
    config,
    platform,
    log,
    metrics,
    storage,
    vault,
    crypto,
    feed,
    ring,
    apps,
    keys,
    cryptography,
    keyImport,
    secrets,
    enrollTokens,
    seal,
    callLog,
    role,
    quotePolicies,
    users,
    keyring,
    rowSignatures,
    resigning,
    attestation,
    issuer,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
