/** The running server: the context, what works in the background, and the listeners, which are drained first. */
import type { IncomingMessage } from 'node:http'
import { CallLog } from './audit/call-log.ts'
import { isLoopback, type Config } from './config.ts'
import { openContext, type AppContext } from './context.ts'
import { Authenticator } from './ehsm/authenticator.ts'
import { createEhsmEdge, isEhsmTarget } from './ehsm/edge.ts'
import { createGtaEdge } from './gta/edge.ts'
import { createKeyManager } from './gta/key-manager.ts'
import { RateLimiter } from './gta/rate-limit.ts'
import { Housekeeping } from './housekeeping.ts'
import { createApp } from './http/app.ts'
import { listen, type ListenerFacts, type ListenerOptions } from './http/listener.ts'
import type { Log } from './log.ts'
import { listenOperatorSocket } from './operator/socket.ts'
import type { Platform } from './platform.ts'
import { ReplayGuard } from './replay/replay-guard.ts'
import { readVersion } from './version.ts'

export interface Server extends AsyncDisposable {
  readonly url: string
  readonly adminUrl: string | undefined
  readonly keyManagerUrl: string | undefined
  readonly version: string
  readonly context: AppContext
}

/** Starts a server; it answers when the promise resolves. Disposing of it drains and stops it cleanly. */
export async function startServer({ config, platform, log }: { config: Config; platform: Platform; log: Log }): Promise<Server> {
  await using stack = new AsyncDisposableStack()
  const context = stack.use(await openContext({ config, platform, log, role: 'server' }))
  const { storage, metrics, ring, keys, apps, crypto, cryptography, keyImport, secrets, users, keyring, resigning, attestation } = context
  const callLog = stack.use(new CallLog(config.dataDir, platform, log))
  const housekeeping = stack.use(new Housekeeping({ storage, ring, keys, secrets, attestation, platform, log }))
  const replay = stack.use(new ReplayGuard({ storage, platform, log }))
  await replay.start()
  housekeeping.start()
  keyring.start()
  metrics.connect({
    keyCache: () => ring,
    appCache: () => apps.cacheSize,
    replay: () => ({ ...replay.statistics(), narrowings: replay.narrowings }),
    keys: () => housekeeping.statistics,
    secrets: () => ({
      ...housekeeping.secretStatistics,
      rotated: secrets.rotation.rotated,
      rotationsFailed: secrets.rotation.failed,
      dataKeys: secrets.dataKeys.size,
    }),
    cryptoQueue: () => crypto.queued,
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
  const publicHost = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).hostname
  const edge = createEhsmEdge({
    services: {
      keys,
      cryptography,
      keyImport,
      secrets,
      apps,
      platform,
      version,
      enrolment: { limit: config.enrollLimit, acceptUpperCase: true },
    },
    authenticator: new Authenticator({ apps, platform, acceptUpperCase: config.upperCaseSignatures, onUpperCase: metrics.countUpperCase }),
    replay,
    callLog,
    enrolment: { mode: config.enroll, publicHost },
    platform,
    log,
    observe: metrics.observeRequest,
  })
  const enrolment = { mode: config.enroll, limit: config.enrollLimit }
  const facts = new WeakMap<IncomingMessage, ListenerFacts>()
  const factsOf = (req: IncomingMessage): ListenerFacts => facts.get(req)!
  const rates = { management: config.managementRate, attestation: config.attestationRate, registration: config.registrationRate }
  const app = await createApp({
    metrics,
    version: version.version,
    ready: () => storage.ping(),
    isInternal: (req) => factsOf(req).internal || factsOf(req).loopback,
    edge: createGtaEdge({
      services: { ...attestation, users, keyring, platform, enrolment },
      limiter: new RateLimiter(rates, platform),
      callLog,
      log,
      factsOf,
      publicHost,
      evidenceLimitBytes: config.evidenceLimitMib * 1024 * 1024,
      observe: metrics.observeAuthorityRequest,
    }),
  })
  stack.defer(() => app.close())
  stack.use(await listenOperatorSocket(config.dataDir, context, log))

  const handle: ListenerOptions['handle'] = (req, res, listenerFacts) => {
    if (isEhsmTarget(req.url!)) return edge(req, res, listenerFacts.loopback)
    facts.set(req, listenerFacts)
    app.routing(req, res)
  }
  const { maxConnections } = config
  const tls = config.tlsCert === undefined ? undefined : { cert: config.tlsCert, key: config.tlsKey!, clientCa: config.tlsClientCa }
  const listener = stack.use(await listen({ endpoint: config.listen, tls, internal: false, maxConnections, handle }))
  if (isLoopback(config.listen.host)) context.issuer.url ??= listener.url
  const admin =
    config.adminListen &&
    stack.use(await listen({ endpoint: config.adminListen, internal: true, maxConnections, handle: adminOnly(handle) }))
  const keyManager =
    config.keyManagerListen &&
    stack.use(
      await listen({
        endpoint: config.keyManagerListen,
        tls: { cert: config.tlsCert!, key: config.tlsKey!, clientCa: config.keyManagerCa!, requireClient: true },
        internal: false,
        maxConnections,
        handle: createKeyManager({ keyring, storage, platform, log, clients: config.keyManagerClients! }),
      }),
    )
  const owned = stack.move()
  return {
    url: listener.url,
    adminUrl: admin?.url,
    keyManagerUrl: keyManager?.url,
    version: version.version,
    context,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The admin listener shows health, metrics and the API document; it doesn't serve the API. */
function adminOnly(handle: ListenerOptions['handle']): ListenerOptions['handle'] {
  return (req, res, facts) => {
    if (isEhsmTarget(req.url!)) req.url = '/not-served-here'
    handle(req, res, facts)
  }
}
