// One HTTP request and its answer: time limit, size limit. Knows nothing of signatures, repeats, and what answers mean.
import { VouchsafeConnectionError } from './errors.ts'

/** Bytes of an answer, after decompression, beyond which it isn't read; 10,000 keys with the longest aliases stay below. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** Failures that come before the first byte of the request is sent. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])
/** Statuses with which proxies report that a server is down. */
const TRANSIENT_STATUS = new Set([502, 503, 504])

export interface Exchange {
  action: string
  url: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  headers: Record<string, string>
  body?: string
  timeoutMs: number
}

export interface HttpAnswer {
  status: number
  text: string
  /** The Date header. */
  date: string | null
}

/** Sends one request. Throws VouchsafeConnectionError when no answer came back, or one that is too long. */
export async function exchange(fetchImpl: typeof fetch, request: Exchange): Promise<HttpAnswer> {
  const { action, url, timeoutMs, ...init } = request
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    // Redirects would carry the signed request to another server.
    const response = await fetchImpl(url, { ...init, redirect: 'manual', signal })
    const { status, headers } = response
    return { status, text: await readText(action, response), date: headers.get('date') }
  } catch (error) {
    if (error instanceof VouchsafeConnectionError) throw error
    throw signal.aborted ? timeout(action, timeoutMs, error) : networkError(action, error)
  }
}

async function readText(action: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_ANSWER_BYTES) throw notAnAnswer(action, `the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** An answer arrived that is not one of this API; a retry would get the same. */
export function notAnAnswer(action: string, message: string): VouchsafeConnectionError {
  return new VouchsafeConnectionError(action, message, { maybeExecuted: true, transient: false })
}

/** An answer with a status that means nothing in this API. */
export function statusError(action: string, status: number): VouchsafeConnectionError {
  const hint = status >= 300 && status < 400 ? ' (redirects are not followed)' : ''
  return new VouchsafeConnectionError(action, `HTTP status ${status}${hint}`, {
    maybeExecuted: true,
    transient: TRANSIENT_STATUS.has(status),
  })
}

function timeout(action: string, timeoutMs: number, cause: unknown): VouchsafeConnectionError {
  return new VouchsafeConnectionError(action, `no answer within ${timeoutMs} ms`, { maybeExecuted: true, transient: true, cause })
}

function networkError(action: string, error: unknown): VouchsafeConnectionError {
  const causes = underlying(error)
  const reasons = causes.map((cause) => cause.message || cause.code).filter(Boolean)
  const unsent = causes.length > 0 && causes.every((cause) => cause.code !== undefined && UNSENT.has(cause.code))
  return new VouchsafeConnectionError(action, `cannot reach the server: ${[...new Set(reasons)].join('; ')}`, {
    maybeExecuted: !unsent,
    transient: true,
    cause: error,
  })
}

/** The errors behind fetch's "fetch failed": one per address tried. */
function underlying(error: unknown): NodeJS.ErrnoException[] {
  if (error instanceof AggregateError) return error.errors.flatMap(underlying)
  if (!(error instanceof Error)) return []
  return error.cause instanceof Error ? underlying(error.cause) : [error]
}
