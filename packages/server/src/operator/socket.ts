import { chmod, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { AppContext } from '../context.ts'
import type { Log } from '../log.ts'
import { handleOperatorRequest } from './api.ts'

const MAX_BODY_BYTES = 64 * 1024

/** Where a server's operator socket lies. */
export function operatorSocketPath(dataDir: string): string {
  return join(dataDir, 'operator.sock')
}

/** Serves the operator API on a UNIX socket that only the server's own user can open. Without it the server still serves its clients. */
export async function listenOperatorSocket(dataDir: string, context: AppContext, log: Log): Promise<AsyncDisposable> {
  const path = operatorSocketPath(dataDir)
  const server = createServer({ requestTimeout: 10_000 }, (req, res) => {
    const send = (status: number, body: unknown): void =>
      void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    readJson(req).then(
      async (body) => {
        const response = await handleOperatorRequest({ method: req.method!, path: req.url!, body }, context)
        send(response.status, response.body)
      },
      () => send(400, { error: 'the body is not JSON, or too large' }),
    )
  })
  try {
    if (!(await isAnswered(path))) await unlink(path).catch(() => {})
    await bind(server, path)
    await chmod(path, 0o600)
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

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return size === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
}

/** Whether a server listens on the socket; one that was killed leaves its file behind. */
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
    // The data directory is 0700 already; the mask closes the moment before chmod.
    const mask = process.umask(0o177)
    server.listen(path, resolve)
    process.umask(mask)
  })
}
