// Operator commands: to the running server over the UNIX socket in its data directory, else straight to the store.
import { stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { CommandError } from './command.ts'
import type { Host } from './command.ts'

/** Bytes of an answer beyond which it isn't read. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
const TIMEOUT_MS = 60_000

interface OperatorAnswer {
  status: number
  body: unknown
}

/** Sends one operator request; gives the body of the answer. Throws CommandError with the server's reason. */
export async function operate(
  host: Host,
  values: { 'data-dir'?: string },
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const dataDir = values['data-dir'] ?? (host.env['VOUCHSAFE_DATA_DIR'] || './data')
  if (!(await stat(dataDir).catch(() => undefined))?.isDirectory())
    throw new CommandError(`there is no data directory ${dataDir}; name the server's with --data-dir`)
  const answer =
    (await askServer(join(dataDir, 'operator.sock'), method, path, body)) ?? (await askStore(host, dataDir, method, path, body))
  const result = (typeof answer.body === 'object' && answer.body !== null ? answer.body : {}) as Record<string, unknown>
  if (answer.status === 200) return result
  throw new CommandError(typeof result['error'] === 'string' ? result['error'] : `the server answered with status ${answer.status}`)
}

/** undefined when no server listens, so that nothing was sent. */
function askServer(socketPath: string, method: string, path: string, body: object | undefined): Promise<OperatorAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request({ socketPath, method, path, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) response.destroy(new CommandError('the answer of the server is too long'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) })
        } catch {
          reject(new CommandError(`what answers at ${socketPath} is not a Vouchsafe server`))
        }
      })
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else if (error.code === 'EACCES')
        reject(new CommandError(`${socketPath} belongs to another user; run this as the user who runs the server`))
      else reject(error)
    })
    sent.end(body && JSON.stringify(body))
  })
}

async function askStore(host: Host, dataDir: string, method: string, path: string, body: object | undefined): Promise<OperatorAnswer> {
  const { openOperator } = await import('@vouchsafe/server')
  await using operator = await openOperator({ dataDir, env: host.env })
  return await operator.request(method, path, body)
}
