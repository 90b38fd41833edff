// Operator commands: to the running server over the UNIX socket in its data directory, else straight to the store.
import { randomUUID } from 'node:crypto'
import { stat, unlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { dirname, join } from 'node:path'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { promptHidden } from './hidden-prompt.ts'
import { openProgress } from './progress.ts'
import type { ProgressBar } from './progress.ts'

/** Bytes of an answer beyond which it isn't read. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** How long a server may be silent: it is at work for longer, but then says so. */
const SILENCE_MS = 120_000

interface OperatorValues {
  'data-dir'?: string
}

interface OperatorAnswer {
  status: number
  body: unknown
}

/** Where the server's data lies. Throws CommandError when there is nothing. */
export async function dataDirectory(host: Host, values: OperatorValues): Promise<string> {
  const dataDir = values['data-dir'] ?? (host.env['VOUCHSAFE_DATA_DIR'] || './data')
  if (!(await stat(dataDir).catch(() => undefined))?.isDirectory())
    throw new CommandError(`there is no data directory ${dataDir}; name the server's with --data-dir`)
  return dataDir
}

/** Asks on the terminal, where there is one. */
export function passphrasePrompt(host: Host): ((question: string) => Promise<string>) | undefined {
  return host.stdin.isTTY ? (question) => promptHidden(host, question) : undefined
}

/**
 * Sends one operator request and returns the body of the answer; shows the progress of a long one. Throws CommandError with the server's
 * reason.
 */
export async function operate(
  host: Host,
  values: OperatorValues,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const dataDir = await dataDirectory(host, values)
  using bar = openProgress(host)
  const response = await askServer(join(dataDir, 'operator.sock'), method, path, body)
  const answer = response ? await readAnswer(response, bar) : await askStore(host, dataDir, method, path, body, bar)
  return resultOf(answer)
}

/** Sends one operator request that bytes answer. Throws CommandError with the server's reason; `use` fails when the answer is cut short. */
export async function operateForBytes<T>(
  host: Host,
  values: OperatorValues,
  path: string,
  body: object,
  use: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const dataDir = await dataDirectory(host, values)
  const response = await askServer(join(dataDir, 'operator.sock'), 'POST', path, body)
  if (response) {
    if (response.headers['content-type'] === 'application/octet-stream') return use(response)
    resultOf(await readAnswer(response))
    throw new CommandError('the server sent no data')
  }
  const { ByteStream, openOperator } = await import('@vouchsafe/server')
  await using operator = await openOperator({ dataDir, env: host.env, askPassphrase: passphrasePrompt(host) })
  const answer = await operator.request('POST', path, body)
  if (answer.body instanceof ByteStream) return await use(answer.body.chunks)
  resultOf(answer)
  throw new CommandError('the store returned no data')
}

function resultOf({ status, body }: OperatorAnswer): Record<string, unknown> {
  const result = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  if (status === 200) return result
  throw new CommandError(typeof result['error'] === 'string' ? result['error'] : `the server answered with status ${status}`)
}

/** undefined when no server listens, so that nothing was sent. */
async function askServer(socketPath: string, method: string, path: string, body: object | undefined): Promise<IncomingMessage | undefined> {
  const peer = await nameOneself(dirname(socketPath))
  return new Promise<IncomingMessage | undefined>((resolve, reject) => {
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(peer !== undefined && { 'vouchsafe-peer': peer.name }),
    }
    const sent = request({ socketPath, method, path, headers, timeout: SILENCE_MS }, resolve)
    sent.on('timeout', () => sent.destroy(new CommandError('the server does not answer')))
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else if (error.code === 'EACCES')
        reject(new CommandError(`${socketPath} belongs to another user; run this as the user that the server runs as`))
      else reject(error)
    })
    sent.end(body && JSON.stringify(body))
  }).finally(() => peer?.remove())
}

/** Makes the file by whose owner the server knows this user (the server's operator/peer.ts); it removes the file itself. */
async function nameOneself(folder: string): Promise<{ name: string; remove: () => Promise<void> } | undefined> {
  const name = randomUUID()
  const path = join(folder, `.peer-${name}`)
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 })
    return { name, remove: () => unlink(path).catch(() => {}) }
  } catch {
    // Whoever cannot write here cannot open the socket either, and is told so.
    return undefined
  }
}

/** The answer, or the last of its lines, of which those before say how far the work is. */
async function readAnswer(response: IncomingMessage, bar?: ProgressBar): Promise<OperatorAnswer> {
  const hasLines = response.headers['content-type'] === 'application/x-ndjson'
  let text = ''
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk
      if (text.length > MAX_ANSWER_BYTES) throw new CommandError("the server's answer is too long")
      if (hasLines) text = showProgress(text, bar)
    }
    return hasLines ? (JSON.parse(text) as OperatorAnswer) : { status: response.statusCode!, body: JSON.parse(text) }
  } catch (error) {
    if (error instanceof CommandError) throw error
    if (error instanceof SyntaxError && !hasLines) throw new CommandError('what answers at the operator socket is not a Vouchsafe server')
    throw new CommandError('the server stopped before it was done; run the command again to continue')
  }
}

/** Shows the complete lines of progress; returns the rest. */
function showProgress(text: string, bar: ProgressBar | undefined): string {
  const lines = text.split('\n')
  while (lines[0]?.startsWith('{"progress"') && lines.length > 1) {
    const { progress } = JSON.parse(lines.shift()!) as { progress: { phase: string; done: number; total: number } }
    bar?.show(progress.phase, progress.done, progress.total)
  }
  return lines.join('\n')
}

async function askStore(
  host: Host,
  dataDir: string,
  method: string,
  path: string,
  body: object | undefined,
  bar: ProgressBar,
): Promise<OperatorAnswer> {
  const { openOperator } = await import('@vouchsafe/server')
  await using operator = await openOperator({ dataDir, env: host.env, askPassphrase: passphrasePrompt(host) })
  return await operator.request(method, path, body, { report: bar.show, signal: new AbortController().signal })
}
