/** The running server: the context, the background work, and the listeners, which are drained first. */
import { isLoopback } from '@vouchsafe/service'
import type { Config } from '../config/index.ts'
import { openContext, type AppContext } from './context.ts'
import { createKeyManager } from '../gta/index.ts'
import { Housekeeping } from './housekeeping.ts'
import { createEdges, createSharedMemory, openListeners, type Listeners } from '../serving/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import { listenOperatorSocket } from '../operator/index.ts'
import { admitStore } from './admission.ts'
import { openQuotes } from './open-quotes.ts'
import { Readiness, freeBytesOf } from './readiness.ts'
import { ReplayGuard } from '../replay/index.ts'
import type { AskPassphrase } from '../root-key/index.ts'
import { ServingThreads } from './serving-threads.ts'
import { threadMetricSources } from './thread-metrics.ts'
import { readVersion } from './version.ts'

export interface Server extends AsyncDisposable {
  readonly url: string
  readonly adminUrl: string | undefined
  readonly keyManagerUrl: string | undefined
  readonly version: string
  readonly context: AppContext
  /** Where several threads serve. */
  readonly threads: ServingThreads | undefined
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
  const { storage, envelope, trail, metrics, keyCache, keys, secrets, signingKeys, attestation } = context
  const { sequencer, trailWatch, trailKeep, witnesses } = context
  await admitStore(context)
  const served: { listeners?: Listeners; threads?: ServingThreads } = {}
  const housekeeping = stack.use(new Housekeeping({ storage, keyCache, keys, secrets, attestation, runtime, log }))
  const quotes = stack.use(await openQuotes(context, config, () => served.listeners?.tlsKeyHash()))
  const threaded = config.threads > 1
  const memory = threaded ? createSharedMemory(config.threads + 1, runtime) : undefined
  const replay = stack.use(
    new ReplayGuard({
      ...(memory && { memory: memory.replay }),
      storage,
      runtime,
      log,
      domainRevision: () => served.threads?.leastDomainRevision(envelope.revision) ?? envelope.revision,
    }),
  )
  await replay.start()
  // From here on a rotation of domain keys waits for this server; it must first load those that were added just before.
  await envelope.refresh()
  const readiness = new Readiness({
    storage,
    replay,
    trail: trail!,
    sequencer,
    trailWatch,
    witnesses,
    envelope,
    freeBytes: () => freeBytesOf(config.dataDir),
  })
  housekeeping.start()
  signingKeys.start()
  trailWatch.start()
  trailKeep.start()
  witnesses.notice()
  metrics.connectThread(threadMetricSources(context))
  metrics.connectProcess({
    threads: () => ({ serving: served.threads?.serving ?? 1, replaced: served.threads?.replaced ?? 0 }),
    replay: () => ({ ...replay.statistics(), narrowings: replay.narrowings }),
    readiness: () => readiness.statistics,
    keys: () => housekeeping.statistics,
    secrets: () => ({
      ...housekeeping.secretStatistics,
      rotated: secrets.rotation.rotated,
      rotationsFailed: secrets.rotation.failed,
    }),
    witnesses: () => witnesses.statistics,
    collateralDaysLeft: () => quotes.collateralDaysLeft,
    certificates: () => attestation.certificateWatch.statistics,
  })

  const version = readVersion()
  const shared = {
    ...{ trail: trail!.notes, replay: replay.gate, quotes, runtime, log },
    metrics: {
      contentType: metrics.registry.contentType,
      metrics: () => served.threads?.metrics() ?? metrics.registry.metrics(),
    },
    version: { ...version, quoteProvider: quotes.providerName },
    checkpoint: () => sequencer.checkpoint,
    unready: () => readiness.check(),
    findings: () => readiness.findings,
    observe: { request: metrics.observeRequest, authorityRequest: metrics.observeAuthorityRequest, upperCase: metrics.countUpperCase },
  }
  const edges = stack.use(await createEdges(context, shared, config))
  stack.use(await listenOperatorSocket(config.dataDir, context, log))
  const keyManager = createKeyManager({ signingKeys, storage, runtime, log, clients: config.keyManagerClients ?? [] })
  const handlers = { edges: edges.handle, keyManager: keyManager.handle }
  const listeners = stack.use(await openListeners(config, handlers, runtime, threaded ? 'process' : 'all'))
  served.listeners = listeners
  const { url, adminUrl, keyManagerUrl } = listeners
  if (isLoopback(config.listen.host)) context.issuer.url ??= url
  const threads = memory && stack.use(await ServingThreads.start({ ...context, trail: trail!, memory, replay, readiness }, config, url))
  if (threads) served.threads = threads
  const owned = stack.move()
  return {
    ...{ url, adminUrl, keyManagerUrl, context, threads },
    version: version.version,
    async reload(changed) {
      log.level = changed.logLevel
      await listeners.reload(changed)
      await threads?.reload(changed)
      keyManager.setClients(changed.keyManagerClients ?? [])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
