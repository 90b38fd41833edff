/** The listeners that the options ask for, and their TLS, which can be reloaded. */
import { createHash, X509Certificate } from 'node:crypto'
import { isLoopback } from '@vouchsafe/service'
import { formatEndpoint, type Config } from '../config/index.ts'
import type { Runtime } from '../foundation/index.ts'
import { freePort, listen, type ListenerOptions } from './listener.ts'
import { selfSignedFiles } from './self-signed.ts'
import { readTlsFiles, type TlsOptions } from './tls-files.ts'

export interface Listeners extends AsyncDisposable {
  /** Of the API; with threads, where they are to listen. */
  readonly url: string
  readonly adminUrl: string | undefined
  readonly keyManagerUrl: string | undefined
  /** SHA-256 of the key in the certificate that is served, which quotes are bound to; undefined without TLS. */
  tlsKeyHash(): Buffer | undefined
  /**
   * Reloads the TLS files, and ends connections of clients that were trusted by other CAs or CRLs.
   * @throws {ConfigError} with the old ones still in use
   */
  reload(config: Config): Promise<void>
}

/** What answers on each listener. */
export interface Handlers {
  edges: ListenerOptions['handle']
  /** Where there is a listener for it. */
  keyManager?: ListenerOptions['handle']
}

/** All listeners, those that only the process has where threads share the API's, or a thread's share of that. */
export type ListenerPart = 'all' | 'process' | 'thread'

export async function openListeners(config: Config, handlers: Handlers, runtime: Runtime, part: ListenerPart = 'all'): Promise<Listeners> {
  await using stack = new AsyncDisposableStack()
  const { adminListen, keyManagerListen, listen: endpoint, threads } = config
  let tls = await tlsOptions(config, runtime)
  const urlOf = (port: number): string => `${tls ? 'https' : 'http'}://${formatEndpoint({ host: endpoint.host, port })}`
  const common = { maxConnections: config.maxConnections, handle: handlers.edges }
  const surfaces = isLoopback(endpoint.host) ? (['api', 'internal'] as const) : (['api'] as const)
  // Threads have equal shares, as the system distributes connections evenly.
  const share = part === 'thread' ? { shared: true, maxConnections: Math.ceil(config.maxConnections / threads) } : {}
  const main = part === 'process' ? undefined : stack.use(await listen({ ...common, endpoint, tls, surfaces, ...share }))
  const url = main?.url ?? urlOf(await freePort(endpoint))
  const admin =
    part === 'thread' || adminListen === undefined
      ? undefined
      : stack.use(await listen({ ...common, endpoint: adminListen, surfaces: ['internal'] }))
  const keyManager =
    part === 'thread' || keyManagerListen === undefined
      ? undefined
      : stack.use(
          await listen({ ...common, endpoint: keyManagerListen, tls: keyManagerTls(config), surfaces: [], handle: handlers.keyManager! }),
        )
  const owned = stack.move()
  return {
    url,
    adminUrl: admin?.url,
    keyManagerUrl: keyManager?.url,
    tlsKeyHash: () => tls && keyHashOf(tls.cert as Buffer),
    async reload(changed) {
      const own = tls && ((await tlsOptions(changed, runtime)) ?? tls)
      const keyManagers = keyManager && changed.keyManagerListen && keyManagerTls(changed)
      if (own) {
        tls = own
        main?.setTls(own)
      }
      if (keyManagers) keyManager.setTls(keyManagers)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The configured TLS files, read again; undefined for plain HTTP. */
async function tlsOptions(config: Config, runtime: Runtime): Promise<TlsOptions | undefined> {
  const { tlsCert, tlsKey, tlsSelfSigned, tlsClientCa: clientCa, tlsClientCrl: clientCrl, dataDir, listen: endpoint, publicUrl } = config
  if (tlsCert !== undefined) return readTlsFiles({ cert: tlsCert, key: tlsKey!, clientCa, clientCrl })
  if (!tlsSelfSigned) return undefined
  const hosts = publicUrl === undefined ? [endpoint.host] : [endpoint.host, new URL(publicUrl).hostname]
  return readTlsFiles({ ...(await selfSignedFiles(dataDir, hosts, runtime)), clientCa, clientCrl })
}

function keyManagerTls(config: Config): TlsOptions {
  const { tlsCert: cert, tlsKey: key, keyManagerCa: clientCa, keyManagerCrl: clientCrl } = config
  return readTlsFiles({ cert: cert!, key: key!, clientCa: clientCa!, clientCrl, requireClient: true })
}

/** SHA-256 of the key in a certificate. */
function keyHashOf(certificate: Buffer): Buffer {
  const { publicKey } = new X509Certificate(certificate)
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}
