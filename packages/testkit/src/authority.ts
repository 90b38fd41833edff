// Calls of the attestation authority.
import { request as httpsRequest, type RequestOptions } from 'node:https'

export const PREFIX = '/global-trust-authority/v1/service'

export interface Answer {
  status: number
  headers: Headers
  body: AnswerBody
}

/** What tests look for in answers; a member that isn't there fails the test that looks for it. */
export interface AnswerBody {
  message: string
  nonce: { iat: number; value: string; signature: string }
  token_body: Record<string, unknown>
  token_header: Record<string, unknown>
  [name: string]: unknown
}

export interface AskOptions {
  /** The User-Id. */
  user?: string
  apiKey?: string
  headers?: Record<string, string>
  /** JSON, or text to be sent as it is. */
  body?: unknown
}

/** One call; `path` is below the usual prefix, or absolute. */
export async function ask(url: string, method: string, path: string, { user, apiKey, headers, body }: AskOptions = {}): Promise<Answer> {
  const response = await fetch(path.startsWith('/') ? `${url}${path}` : `${url}${PREFIX}/${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(user === undefined ? {} : { 'user-id': user }),
      ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
      ...headers,
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as AnswerBody }
}

/** The same over TLS, as a client whose certificates the options name. */
export function askTls(
  url: string,
  method: string,
  path: string,
  options: RequestOptions,
  body?: object,
): Promise<Omit<Answer, 'headers'>> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(`${url}${path}`, { method, agent: false, ...options }, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () => resolve({ status: res.statusCode!, body: JSON.parse(text) as AnswerBody }))
    })
    req.on('error', reject)
    req.end(body && JSON.stringify(body))
  })
}

export const CHALLENGE = { agent_version: '1.0', attester_type: ['tpm_boot'] }
