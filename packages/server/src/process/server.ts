/** The running server: the context, what works in the background, and the listeners, which are drained first. */
import { createHash, X509Certificate } from 'node:crypto'
import { isLoopback } from '@vouchsafe/service'
import { quoteProviderOf, type Config } from '../config/index.ts'
import { openContext, type AppContext } from './context.ts'
import { Authenticator, createEhsmEdge, isEhsmTarget } from '../ehsm/index.ts'
import { createGtaEdge, createKeyManager } from '../gta/index.ts'
import { RateLimiter } from '../edge/index.ts'
import { Housekeeping } from './housekeeping.ts'
import { createApp, listen, readTlsFiles, selfSignedFiles, type ListenerOptions, type TlsOptions } from '../serving/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import { listenOperatorSocket } from '../operator/index.ts'
import { Quotes } from '../quotes/index.ts'
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
   * Takes over what may change while it runs: the log's level and the TLS files.
   * @throws {ConfigError} with the old TLS files still in use
   */
  reload(config: Config): Promise<void>
}

/** Starts a server; it answers when the promise resolves. Disposing of it drains and stops it cleanly. */
export async function startServer(options: {
  config: Config
  runtime: Runtime
  log: Log
  askPassphrase?: AskPassphrase | undefined
}): Promise<Server> {
  const { config, runtime, log, askPassphrase } = options
  await using stack = new AsyncDisposableStack()
  const context = stack.use(await openContext({ config, runtime, log, role: 'server', askPassphrase }))
  const { storage, envelope, trail, metrics, keyCache, keys, apps, crypto, cryptography, keyImport, secrets } = context
  const { users, signingKeys, resigning, attestation, quotePolicies } = context
  let tls: TlsOptions | undefined
  const housekeeping = stack.use(new Housekeeping({ storage, keyCache, keys, secrets, attestation, runtime, log }))
  const quotes = stack.use(await openQuotes(context, () => tls && keyHashOf(tls.cert as Buffer)))
  const replay = stack.use(new ReplayGuard({ storage, runtime, log, domainRevision: () => envelope.revision }))
  await replay.start()
  // From here on a rotation of domain keys waits for this server; it has to have those that came just before.
  await envelope.refresh()
  housekeeping.start()
  signingKeys.start()
  metrics.connect({
    keyCache: () => keyCache,
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
  const publicHost = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).hostname
  const edge = createEhsmEdge({
    services: {
      keys,
      cryptography,
      keyImport,
      secrets,
      quotes,
      quotePolicies,
      apps,
      runtime,
      version: { ...version, quoteProvider: quotes.providerName },
      enrolment: { limit: config.enrollLimit, acceptUpperCase: true },
    },
    authenticator: new Authenticator({ apps, runtime, acceptUpperCase: config.upperCaseSignatures, onUpperCase: metrics.countUpperCase }),
    replay,
    trail: trail!,
    enrolment: { mode: config.enroll, publicHost },
    runtime,
    log,
    observe: metrics.observeRequest,
  })
  // Tokens are for apps: where they are asked for, users are made by operators.
  const enrolment = { mode: config.enroll === 'open' ? ('open' as const) : ('closed' as const), limit: config.enrollLimit }
  const rates = { management: config.managementRate, attestation: config.attestationRate, registration: config.registrationRate }
  const app = await createApp({
    metrics: metrics.registry,
    version: version.version,
    ready: () => storage.ping(),
    edge: createGtaEdge({
      services: { ...attestation, users, signingKeys, runtime, enrolment },
      limiter: new RateLimiter(rates, runtime),
      trail: trail!,
      log,
      evidenceLimitBytes: config.evidenceLimitMib * 1024 * 1024,
      observe: metrics.observeAuthorityRequest,
    }),
  })
  stack.defer(() => app.close())
  stack.use(await listenOperatorSocket(config.dataDir, context, log))

  // The hottest edge has no router before it.
  const handle: ListenerOptions['handle'] = (req, res) => {
    if (isEhsmTarget(req.url!) && req.listener.surfaces.has('api')) edge(req, res)
    else app.routing(req, res)
  }
  const { maxConnections } = config
  tls = await tlsOptions(config, runtime)
  const listener = stack.use(
    await listen({
      endpoint: config.listen,
      tls,
      surfaces: isLoopback(config.listen.host) ? ['api', 'internal'] : ['api'],
      maxConnections,
      handle,
    }),
  )
  if (isLoopback(config.listen.host)) context.issuer.url ??= listener.url
  const admin =
    config.adminListen && stack.use(await listen({ endpoint: config.adminListen, surfaces: ['internal'], maxConnections, handle }))
  const keyManager =
    config.keyManagerListen &&
    stack.use(
      await listen({
        endpoint: config.keyManagerListen,
        tls: keyManagerTls(config),
        surfaces: [],
        maxConnections,
        handle: createKeyManager({ signingKeys, storage, runtime, log, clients: config.keyManagerClients! }),
      }),
    )
  const owned = stack.move()
  return {
    url: listener.url,
    adminUrl: admin?.url,
    keyManagerUrl: keyManager?.url,
    version: version.version,
    context,
    async reload(changed) {
      log.level = changed.logLevel
      if (tls) listener.setTls((tls = (await tlsOptions(changed, runtime)) ?? tls))
      if (keyManager && changed.keyManagerListen) keyManager.setTls(keyManagerTls(changed))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What the configuration says of TLS, read anew; undefined for plain HTTP. */
async function tlsOptions(config: Config, runtime: Runtime): Promise<TlsOptions | undefined> {
  const { tlsCert, tlsKey, tlsSelfSigned, tlsClientCa: clientCa, dataDir, listen: endpoint, publicUrl } = config
  if (tlsCert !== undefined) return readTlsFiles({ cert: tlsCert, key: tlsKey!, clientCa })
  if (!tlsSelfSigned) return undefined
  const hosts = publicUrl === undefined ? [endpoint.host] : [endpoint.host, new URL(publicUrl).hostname]
  return readTlsFiles({ ...(await selfSignedFiles(dataDir, hosts, runtime)), clientCa })
}

function keyManagerTls(config: Config): TlsOptions {
  return readTlsFiles({ cert: config.tlsCert!, key: config.tlsKey!, clientCa: config.keyManagerCa!, requireClient: true })
}

/** @throws {ConfigError} for collateral or roots that cannot be read */
function openQuotes(
  { config, storage, envelope, runtime, log }: AppContext,
  /** Of the certificate that is served, once there is one. */
  tlsKeyHash: () => Buffer | undefined,
): Promise<Quotes> {
  return Quotes.open(
    { storage, envelope, runtime, log, tlsKeyHash },
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

/** SHA-256 of the key in a certificate: what quotes are bound to. */
function keyHashOf(certificate: Buffer): Buffer {
  const { publicKey } = new X509Certificate(certificate)
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}
