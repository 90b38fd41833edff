import { unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Principal } from '../access/index.ts'
import { originTarget } from '@vouchsafe/service'
import { ServiceError, type Log } from '../foundation/index.ts'
import { ByteStream } from './byte-stream.ts'
import { handleOperatorRequest, type OperatorRequest } from './edge.ts'
import type { OperatorServices } from './operation.ts'
import { PEER_HEADER, peerOf } from './peer.ts'

const MAX_BODY_BYTES = 64 * 1024
/** A request must be whole by then, which is looked at every {@link CHECK_MS}. */
const REQUEST_MS = 10_000
const CHECK_MS = 1_000
const REPORT_MS = 100

/** The path of a server's operator socket. */
export function operatorSocketPath(dataDir: string): string {
  return join(dataDir, 'operator.sock')
}

/**
 * Serves the operator API on a UNIX socket that only the server's own user can open. If that fails, the server still serves its clients.
 */
export async function listenOperatorSocket(dataDir: string, services: OperatorServices, log: Log): Promise<AsyncDisposable> {
  const path = operatorSocketPath(dataDir)
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS },
    (req, res) => {
      const target = originTarget(req)
      if (target === undefined) return void res.writeHead(400, { connection: 'close' }).end()
      const body = readJson(req)
      // Some requests end before their body is read.
      body.catch(() => {})
      void answer({ method: req.method!, path: target, body }, peerOf(dataDir, req.headers[PEER_HEADER]), res, services)
    },
  )
  try {
    if (!(await isAnswered(path))) await unlink(path).catch(() => {})
    await bind(server, path)
  } catch (error) {
    log.warn({ err: error, path }, 'no operator socket: operator commands have to use another server of this store, or wait until it stops')
    return { async [Symbol.asyncDispose]() {} }
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers with JSON, with bytes, or, once there is progress to report, with lines of JSON of which the last is the answer. */
async function answer(request: OperatorRequest, peer: Promise<Principal>, res: ServerResponse, services: OperatorServices): Promise<void> {
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  let reportedAt = -Infinity
  const report = (phase: string, done: number, total: number): void => {
    const now = services.runtime.monotonic()
    if (now - reportedAt < REPORT_MS && done < total) return
    reportedAt = now
    if (!res.headersSent) res.writeHead(200, { 'content-type': 'application/x-ndjson' })
    res.write(`${JSON.stringify({ progress: { phase, done, total } })}\n`)
  }
  const { status, body } = await handleOperatorRequest(request, services, { report, signal: gone.signal }, await peer)
  if (body instanceof ByteStream) return sendBytes(res, body, services.log)
  if (res.headersSent) res.end(`${JSON.stringify({ status, body })}\n`)
  else sendJson(res, status, body)
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** A failure midway breaks the connection, so that a partial result is never taken for the whole. */
async function sendBytes(res: ServerResponse, { chunks }: ByteStream, log: Log): Promise<void> {
  res.writeHead(200, { 'content-type': 'application/octet-stream' })
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), res)
  } catch (error) {
    log.error({ err: error }, 'an answer to an operator was cut short')
    res.destroy()
  }
}

/** @throws {ServiceError} `body_malformed` */
async function readJson(req: IncomingMessage): Promise<unknown> {
  try {
    const text = await readText(req)
    return text === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw new ServiceError('body_malformed', { message: 'the body is not JSON, or too large', cause: error })
  }
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Whether a server listens on the socket; a killed server leaves its file behind. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Only its owner may open it. By the mask rather than a later chmod: by then the path may belong to another server that is just
    // starting.
    const mask = process.umask(0o177)
    server.listen(path, resolve)
    process.umask(mask)
  })
}
