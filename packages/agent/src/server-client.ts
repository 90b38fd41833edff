// Calls of the attestation service. An answer is bounded in time and size, and believed only in the shape that it must have.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { ServerSettings } from './config.ts'
import { AgentError, messageOf } from './errors.ts'
import { FieldError, list, optional, required, shape, text } from './fields.ts'
import type { Reader } from './fields.ts'
import { readNonce } from './requests.ts'
import { AGENT_VERSION } from './version.ts'
import type { EvidenceDocument, Nonce } from './wire.ts'

const PREFIX = '/global-trust-authority/v1/service'
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
const MAX_MESSAGE = 500

/** What the server made of an attestation. */
export interface AttestAnswer {
  readonly tokens: readonly { readonly node_id: string; readonly token: string }[]
  readonly errors: readonly { readonly message: string }[]
}

const CHALLENGE_ANSWER = shape({ nonce: required(readNonce) }, 'ignore')

const ATTEST_ANSWER = shape(
  {
    tokens: required(list(shape({ node_id: required(text(1, 255)), token: required(readToken) }, 'ignore'), 0, 64)),
    errors: optional(list(shape({ message: required(text(0, 4096)) }, 'ignore'), 0, 64)),
  },
  'ignore',
)

export interface ServerClient extends AsyncDisposable {
  /** A new nonce. Throws AgentError `network` or `server`. */
  challenge(types: readonly string[]): Promise<Nonce>
  /** Throws AgentError `network` or `server`. */
  attest(document: EvidenceDocument): Promise<AttestAnswer>
  /** A call of an absolute path; the answer is read as told. Throws AgentError `network` or `server`. */
  post<T>(path: string, body: object, read: Reader<T>): Promise<T>
  /** What the server's clock says, in milliseconds since 1970; undefined when it doesn't. Throws AgentError `network`. */
  clock(): Promise<number | undefined>
}

/** Reads the files that the settings name; connections come about with the first call. Throws Error for files that can't be read. */
export async function connectServer(settings: ServerSettings): Promise<ServerClient> {
  const { url, userId, timeoutMs } = settings
  const isTls = url.protocol === 'https:'
  const file = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path))
  const [ca, cert, key] = await Promise.all([file(settings.caPath), file(settings.certPath), file(settings.keyPath)])
  const apiKey = settings.apiKey ?? (await file(settings.apiKeyPath))?.toString('latin1').trim()
  const connections = { keepAlive: true, maxSockets: 16, timeout: timeoutMs }
  const agent = isTls
    ? new HttpsAgent({ ...connections, minVersion: 'TLSv1.2', ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
    : new HttpAgent(connections)
  const base = url.pathname.replace(/\/+$/, '')

  async function exchange(method: 'GET' | 'POST', path: string, body?: string): Promise<{ response: IncomingMessage; text: string }> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': `vouchsafe-agent/${AGENT_VERSION}`,
      'request-id': randomUUID(),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...(userId === undefined ? {} : { 'user-id': userId }),
      ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
    }
    const options: RequestOptions = { agent, method, headers, signal: AbortSignal.timeout(timeoutMs) }
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = (isTls ? httpsRequest : httpRequest)(new URL(base + path, url), options, resolve)
        request.on('error', reject)
        request.end(body)
      })
      return { response, text: await readAnswer(response) }
    } catch (error) {
      if (error instanceof AgentError) throw error
      const late = ['TimeoutError', 'AbortError'].includes((error as Error).name)
      throw new AgentError('network', `${url.origin}: ${late ? `no answer within ${timeoutMs / 1000} seconds` : causeOf(error)}`, {
        cause: error,
      })
    }
  }

  async function post<T>(path: string, body: object, read: Reader<T>): Promise<T> {
    const { response, text: answer } = await exchange('POST', path, JSON.stringify(body))
    const json = parseJson(answer)
    if (response.statusCode !== 200) throw new AgentError('server', refusal(response.statusCode!, json))
    try {
      return read(json ?? '', '')
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      throw new AgentError('server', `the answer is not one of an attestation service: ${error.message}; is server_url right?`, {
        cause: error,
      })
    }
  }

  return {
    challenge: async (types) =>
      (await post(`${PREFIX}/challenge`, { agent_version: AGENT_VERSION, attester_type: types }, CHALLENGE_ANSWER)).nonce,
    async attest(document) {
      const { tokens, errors = [] } = await post(`${PREFIX}/attest`, document, ATTEST_ANSWER)
      return { tokens, errors: errors ?? [] }
    },
    post,
    async clock() {
      const { response } = await exchange('GET', '/healthz')
      const time = Date.parse(response.headers.date ?? '')
      return Number.isNaN(time) ? undefined : time
    },
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

async function readAnswer(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += (chunk as Buffer).length
    if (size > MAX_ANSWER_BYTES) {
      response.destroy()
      throw new AgentError('server', `the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    }
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Three parts of base64url (RFC 7515 §7.1); whether it is genuine is for those who rely on it. */
function readToken(value: unknown, field: string): string {
  const token = text(1, 1_000_000)(value, field)
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new FieldError(field, 'is not a JSON Web Token')
  return token
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The server's own words, without control characters, where there are any. */
function refusal(status: number, json: unknown): string {
  const message = typeof json === 'object' && json !== null && 'message' in json ? json.message : undefined
  if (typeof message !== 'string' || message === '') return `HTTP status ${status}`
  return `${message.slice(0, MAX_MESSAGE).replace(/[\p{Cc}\u2028\u2029]/gu, ' ')} (HTTP status ${status})`
}

/** Node gives one error for all addresses of a name, without words of its own. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(messageOf))].join('; ')
  return messageOf(error)
}
