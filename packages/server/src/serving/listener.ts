import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { isLoopback, originTarget } from '@vouchsafe/service'
import { formatEndpoint, type Endpoint } from '../config/index.ts'
import { requestClass, type ListenedRequest, type Surface } from '../edge/index.ts'
import { ClientTrust } from './client-trust.ts'
import type { TlsOptions } from './tls-files.ts'

export interface ListenerOptions {
  endpoint: Endpoint
  /** See readTlsFiles. */
  tls?: TlsOptions | undefined
  surfaces: readonly Surface[]
  maxConnections: number
  /** Other threads of this process listen on the same port. */
  shared?: boolean
  /** Milliseconds; shorter in tests. */
  timeouts?: Partial<typeof TIMEOUTS>
  handle: (req: ListenedRequest, res: ServerResponse) => void
}

/** An address that is unavailable now; it may be free, or assigned to the machine, a little later. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** A started listener; disposing of it drains it. */
export interface Listener extends AsyncDisposable {
  /** For new connections; existing ones continue, unless their client's certificate counts by other files than before. */
  setTls(options: TlsOptions): void
  /** With the port that the system chose, if it was asked to. */
  readonly url: string
}

/**
 * Bounds what one client can hold, in milliseconds: a TLS handshake and a request's headers within 10 s, a whole request within 30; looked at once
 * a second (Node's default is every 30).
 */
export const TIMEOUTS = { handshakeTimeout: 10_000, requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
const CONNECTIONS = { keepAliveTimeout: 65_000, noDelay: true } as const
const INACTIVITY_MS = 60_000
const DRAIN_MS = 10_000

export async function listen({
  endpoint,
  tls,
  surfaces,
  maxConnections,
  shared = false,
  handle,
  timeouts,
}: ListenerOptions): Promise<Listener> {
  let draining = false
  const underWay = new Set<ServerResponse>()
  const IncomingMessage = requestClass({ loopback: isLoopback(endpoint.host), surfaces: new Set(surfaces) })
  const limits = { ...CONNECTIONS, ...TIMEOUTS, ...timeouts, IncomingMessage }
  let trust: ClientTrust | undefined
  const onClose = function (this: ServerResponse): void {
    underWay.delete(this)
  }
  const onRequest: RequestListener = (req, res) => {
    // Sent while the last answer of the connection is under way, which closes it.
    if (trust?.isWithdrawn(req.socket)) return
    if (req.httpVersionMajor < 1) return refuseVersion(res)
    if (draining) res.shouldKeepAlive = false
    underWay.add(res)
    res.on('close', onClose)
    const target = originTarget(req)
    if (target === undefined) return refuseTarget(res)
    req.url = target
    handle(req as ListenedRequest, res)
  }
  const tlsServer = tls && createTlsServer({ ...limits, ...tls }, onRequest)
  if (tlsServer) trust = new ClientTrust(tlsServer, tls)
  const server: Server | TlsServer = tlsServer ?? createServer(limits, onRequest)
  server.maxConnections = maxConnections
  // Also while an answer is under way: a client that doesn't read it must not keep it in memory.
  server.timeout = INACTIVITY_MS
  await bind(server, endpoint, shared)
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://${formatEndpoint({ host: endpoint.host, port })}`,
    setTls(options) {
      trust?.replace(options, (socket) => [...underWay].some((res) => res.socket === socket))
      for (const res of underWay) if (res.socket && trust?.isWithdrawn(res.socket)) endAfter(res, res.socket)
    },
    async [Symbol.asyncDispose]() {
      draining = true
      // Their connections close after the response instead of keeping the server waiting.
      for (const res of underWay) if (!res.headersSent) res.shouldKeepAlive = false
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      server.closeIdleConnections()
      await closed
      clearTimeout(timer)
    },
  }
}

/** HTTP/0.9, a request line without a version: its answers have no status, so whatever is sent would be taken for content. */
function refuseVersion(res: ServerResponse): void {
  res.writeHead(400, { connection: 'close', 'content-length': 0 }).end()
}

function endAfter(res: ServerResponse, socket: Socket): void {
  if (!res.headersSent) res.shouldKeepAlive = false
  res.once('close', () => socket.destroySoon())
}

/** Before any edge sees it, and so in nobody's words. */
function refuseTarget(res: ServerResponse): void {
  res
    .writeHead(400, { connection: 'close', 'content-type': 'text/plain; charset=utf-8' })
    .end('one Host, the same as in the target, is required\n')
}

/**
 * A port that is free, for threads that then share it: sharing alone would go unnoticed where another server of the same user shares it too.
 * @throws {ListenError}
 */
export async function freePort(endpoint: Endpoint): Promise<number> {
  const server = createServer()
  await bind(server, endpoint, false)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function bind(server: Server, { host, port }: Endpoint, shared: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the address is in use; is another server running?' : error.message
      reject(new ListenError(`cannot listen on ${formatEndpoint({ host, port })}: ${reason}`))
    })
    server.listen({ port, host, reusePort: shared }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}
