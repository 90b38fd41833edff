/** The running server: the context, the background work, and the listeners, which are drained first. */
import { isLoopback } from '@vouchsafe/service'
import { quoteProviderOf, type Config } from '../config/index.ts'
import { openContext, type AppContext } from './context.ts'
import { createKeyManager } from '../gta/index.ts'
import { Housekeeping } from './housekeeping.ts'
import { createEdges, openListeners, type Listeners } from '../serving/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import { listenOperatorSocket } from '../operator/index.ts'
import { Quotes } from '../quotes/index.ts'
import { admitStore } from './admission.ts'
import { Readiness, freeBytesOf } from './readiness.ts'
import { ReplayGuard } from '../replay/index.ts'
import type { AskPassphrase } from '../root-key/index.ts'
import { readVersion } from './version.ts'

export interface Server extends AsyncDisposable {
  readonly url: string
  readonly adminUrl: string | undefined
  readonly keyManagerUrl: string | undefined
  readonly version: string
  readonly context: AppContext
  /**
   * Applies the settings that may change while it runs: the log level, the TLS files and the key manager's clients.
   * @throws {ConfigError} with the old TLS files still in use
   */
  reload(config: Config): Promise<void>
}

/** Starts a server, which is ready when the promise resolves. Disposing of it drains and stops it cleanly. */
export async function startServer(options: {
  config: Config
  runtime: Runtime
  log: Log
  askPassphrase?: AskPassphrase | undefined
}): Promise<Server> {
  const { config, runtime, log, askPassphrase } = options
  await using stack = new AsyncDisposableStack()
  const context = stack.use(await openContext({ config, runtime, log, role: 'server', askPassphrase }))
  const {
    storage,
    envelope,
    trail,
    metrics,
    keyCache,
    keys,
    apps,
    crypto,
    secrets,
    signingKeys,
    resigning,
    attestation,
    sequencer,
    trailWatch,
    trailKeep,
    witnesses,
  } = context
  await admitStore(context)
  const served: { listeners?: Listeners } = {}
  const housekeeping = stack.use(new Housekeeping({ storage, keyCache, keys, secrets, attestation, runtime, log }))
  const quotes = stack.use(await openQuotes(context, () => served.listeners?.tlsKeyHash()))
  const replay = stack.use(new ReplayGuard({ storage, runtime, log, domainRevision: () => envelope.revision }))
  await replay.start()
  // From here on a rotation of domain keys waits for this server; it must first load those that were added just before.
  await envelope.refresh()
  const readiness = new Readiness({
    storage,
    replay,
    trail: trail!,
    sequencer,
    trailWatch,
    envelope,
    freeBytes: () => freeBytesOf(config.dataDir),
  })
  housekeeping.start()
  signingKeys.start()
  trailWatch.start()
  trailKeep.start()
  witnesses.notice()
  metrics.connect({
    keyCache: () => keyCache,
    appCache: () => apps.cacheSize,
    replay: () => ({ ...replay.statistics(), narrowings: replay.narrowings }),
    readiness: () => readiness.statistics,
    keys: () => housekeeping.statistics,
    secrets: () => ({
      ...housekeeping.secretStatistics,
      rotated: secrets.rotation.rotated,
      rotationsFailed: secrets.rotation.failed,
      dataKeys: secrets.dataKeys.size,
    }),
    witnesses: () => witnesses.statistics,
    cryptoQueue: () => crypto.queued,
    collateralDaysLeft: () => quotes.collateralDaysLeft,
    authority: () => ({
      nonces: attestation.nonces.statistics,
      tokens: attestation.tokens.statistics,
      measurements: attestation.attest.statistics,
      akCertificates: attestation.akCertificates.statistics,
      resigning: resigning.statistics,
      appraisals: attestation.appraiser.statistics,
      certificates: attestation.certificateWatch.statistics,
    }),
  })

  const version = readVersion()
  const shared = {
    ...{ trail: trail!, replay, quotes, runtime, log, metrics: metrics.registry },
    version: { ...version, quoteProvider: quotes.providerName },
    checkpoint: () => sequencer.checkpoint,
    unready: () => readiness.check(),
    observe: { request: metrics.observeRequest, authorityRequest: metrics.observeAuthorityRequest, upperCase: metrics.countUpperCase },
  }
  const edges = stack.use(await createEdges(context, shared, config))
  stack.use(await listenOperatorSocket(config.dataDir, context, log))
  const keyManager = createKeyManager({ signingKeys, storage, runtime, log, clients: config.keyManagerClients ?? [] })
  const listeners = stack.use(await openListeners(config, { edges: edges.handle, keyManager: keyManager.handle }, runtime))
  served.listeners = listeners
  const { url, adminUrl, keyManagerUrl, reload } = listeners
  if (isLoopback(config.listen.host)) context.issuer.url ??= url
  const owned = stack.move()
  return {
    ...{ url, adminUrl, keyManagerUrl, context },
    version: version.version,
    async reload(changed) {
      log.level = changed.logLevel
      await reload(changed)
      keyManager.setClients(changed.keyManagerClients ?? [])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** @throws {ConfigError} for collateral or roots that cannot be read */
function openQuotes(
  { config, storage, envelope, runtime, log, quotePolicies: policies, attestation }: AppContext,
  /** Of the certificate that is served, once there is one. */
  tlsKeyHash: () => Buffer | undefined,
): Promise<Quotes> {
  return Quotes.open(
    { storage, envelope, runtime, log, policies, tlsKeyHash, verifyAside: (owner, task) => attestation.appraiser.verifyQuote(owner, task) },
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
