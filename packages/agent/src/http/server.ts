import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { chmod, lstat, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createConnection } from 'node:net'
import { once } from 'node:events'
import { TokenBucket, originTarget } from '@vouchsafe/service'
import { AgentError, messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { readBody } from './body.ts'
import { refuseWebPages } from './caller.ts'
import { limitConnections } from './connection-limit.ts'
import { ROUTES } from './routes.ts'
import type { Services } from './routes.ts'

const RATE = { perSecond: 50, burst: 100 }
const MAX_CONNECTIONS = 128
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often connections are looked at for that; Node's default is every 30 s. */
const CHECK_MS = 1_000
/** Longer answers, which are evidence, are not held for any number of callers that don't take them. */
const LONG_BYTES = 1024 * 1024
/** Of long answers in all; one may be longer. */
const MAX_HELD_BYTES = 64 * LONG_BYTES
/** The number of refusals that are logged, so that refused callers cannot fill the disk. */
const LINE_RATE = { perSecond: 1, burst: 20 }
const DRAIN_MS = 10_000

/** Those of the original agent (contract §2). */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '0',
  'cache-control': 'no-store, no-cache, must-revalidate',
  'content-security-policy': "default-src 'self'",
  'referrer-policy': 'no-referrer-when-downgrade',
} as const

export interface ApiOptions {
  services: Services
  log: Log
  listen: { address: string; port: number } | undefined
  socketPath: string | undefined
  /** Milliseconds in which a caller must take some of its answer, which may be long; 30,000 unless given. */
  takeTimeoutMs?: number
  /** 128 unless given. */
  maxConnections?: number
}

export interface Api extends AsyncDisposable {
  /** `http://127.0.0.1:8088`; undefined when it only listens at a UNIX socket, or nowhere. */
  readonly url: string | undefined
}

/** Serves the REST API at the address and the UNIX socket, where they are given. Throws Error when it can't listen. */
export async function startApi({
  services,
  log,
  listen,
  socketPath,
  takeTimeoutMs = 30_000,
  maxConnections = MAX_CONNECTIONS,
}: ApiOptions): Promise<Api> {
  const calls = new TokenBucket(RATE, performance.now())
  const lines = new TokenBucket(LINE_RATE, performance.now())
  const admitsLine = (): boolean => lines.take(performance.now())

  let heldBytes = 0

  async function answer(request: IncomingMessage, isUnixSocket: boolean): Promise<{ status: number; body: object }> {
    // First, so that a web page can't use up the rate of this machine's programs.
    refuseWebPages(request, isUnixSocket)
    if (!calls.take(performance.now())) throw new AgentError('rate-limited', 'Too Many Requests')
    const path = (request.url ?? '').split('?', 1)[0]!.replace(/(?<=.)\/+$/, '')
    const matching = ROUTES.filter((route) => route.path === path)
    if (matching.length === 0) return { status: 404, body: { error: 'Path not found', code: 404 } }
    const route = matching.find(({ method }) => method === request.method)
    if (route === undefined)
      return { status: 405, body: { message: `the method of ${path} is ${matching.map(({ method }) => method).join(', ')}` } }
    const body = route.method === 'POST' ? await readBody(request) : undefined
    return { status: 200, body: await route.handle(services, body) }
  }

  async function serve(request: IncomingMessage, response: ServerResponse, isUnixSocket: boolean): Promise<void> {
    const result = await answer(request, isUnixSocket).catch((error: unknown) => {
      const line = { path: pathOf(request), error: messageOf(error) }
      if (error instanceof AgentError) {
        if (admitsLine()) log[error.status === 503 ? 'warn' : 'info']('refused', line)
        return { status: error.status, body: { message: error.message } }
      }
      if (admitsLine()) log.error('a request failed', line)
      return { status: 500, body: { message: 'Internal error' } }
    })
    if (response.destroyed) return
    const text = JSON.stringify(result.body)
    const bytes = Buffer.byteLength(text)
    if (bytes <= LONG_BYTES) return respond(request, response, result.status, text)
    if (heldBytes > 0 && heldBytes + bytes > MAX_HELD_BYTES)
      return respond(request, response, 503, JSON.stringify({ message: 'Too many answers are waiting to be read' }))
    heldBytes += bytes
    response.once('close', () => (heldBytes -= bytes))
    respond(request, response, result.status, text)
  }

  function respond(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
    // What was not read of a body would be taken for the next request.
    const close = request.complete ? {} : { connection: 'close' }
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...close,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    // Evidence is long, and a caller that does not read it would keep it, and a connection, for ever.
    response.setTimeout(takeTimeoutMs, () => {
      if (admitsLine()) log.warn('a caller did not read its answer', { path: pathOf(request) })
      request.socket.destroy()
    })
    response.end(text)
  }

  const open = (isUnixSocket: boolean): Server => {
    const limits = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_MS }
    const server = createServer(limits, (request, response) => {
      // HTTP/0.9, a request line without a version: its answers have no status, so whatever is sent would be taken for content.
      if (request.httpVersionMajor < 1) return void response.writeHead(400, { connection: 'close', 'content-length': 0 }).end()
      const target = originTarget(request)
      if (target === undefined)
        return respond(request, response, 400, JSON.stringify({ message: 'one Host, the same as in the target, is required' }))
      request.url = target
      void serve(request, response, isUnixSocket)
    })
    limitConnections(server, maxConnections)
    return server
  }

  const servers: Server[] = []
  const close = async () => {
    const closed = servers.map((server) => once(server, 'close'))
    for (const server of servers) server.close()
    const late = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), DRAIN_MS)
    await Promise.all(closed)
    clearTimeout(late)
  }
  try {
    return { url: await listenAll(), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }

  async function listenAll(): Promise<string | undefined> {
    let url: string | undefined
    if (listen !== undefined) {
      const server = open(false)
      await listening(server, { host: listen.address, port: listen.port })
      servers.push(server)
      const { address, family, port } = server.address() as AddressInfo
      url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    }
    if (socketPath !== undefined) {
      await removeStaleSocket(socketPath)
      const server = open(true)
      await listening(server, { path: socketPath })
      servers.push(server)
      // The folder's permissions decide which users may connect.
      await chmod(socketPath, 0o666)
    }
    return url
  }
}

/** What a log line holds of it. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.slice(0, 100)
}

async function listening(server: Server, place: { host: string; port: number } | { path: string }): Promise<void> {
  server.listen(place)
  await once(server, 'listening')
}

/** A socket that a killed process left behind; one that still answers is left alone, and listening fails. */
async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  )
  if (!isSocket) return
  const connection = createConnection(path)
  const answers = await new Promise<boolean>((resolve) => {
    connection.once('connect', () => resolve(true))
    // Anything but a refusal is somebody who is busy, or not for us to ask.
    connection.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  })
  connection.destroy()
  if (!answers) await rm(path)
}
