/** Requests as bytes, for what `fetch` wouldn't send. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { signedBody, type CallOptions, type Credentials, type Envelope } from '@vouchsafe/testkit/ehsm-calls'

export interface RawRequest {
  method?: string
  path: string
  headers?: Record<string, string | string[]>
  body?: string | Uint8Array | undefined
  /** Sent in pieces of a chunked body instead. */
  chunks?: (string | Uint8Array)[]
  agent?: Agent
}

export interface RawResponse {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Came over a connection that had served a request before. */
  reused: boolean
}

/** Sends a request with no other headers than given (and Host, Content-Length). */
export function send(url: string, { method = 'POST', path, headers = {}, body, chunks, agent }: RawRequest): Promise<RawResponse> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    // Said explicitly, or a GET's pieces would be sent as they are.
    const framing = chunks === undefined ? length : { 'transfer-encoding': 'chunked' }
    const req = request(
      { hostname, port, method, path, headers: { ...framing, ...headers }, ...(agent ? { agent } : { agent: false as const }) },
      (res) => {
        const parts: Buffer[] = []
        res.on('data', (part: Buffer) => parts.push(part))
        res.on('error', reject)
        res.on('end', () => {
          resolve({ status: res.statusCode!, headers: res.headers, text: Buffer.concat(parts).toString(), reused: req.reusedSocket })
        })
      },
    )
    req.on('error', reject)
    for (const chunk of chunks ?? []) req.write(chunk)
    req.end(body)
  })
}

/** An answer's envelope, whose form is checked: HTTP 200, JSON, nothing but code, message and result. */
export function envelopeOf({ status, headers, text }: RawResponse): Envelope {
  if (status !== 200) throw new Error(`HTTP ${status}: ${text}`)
  if (headers['content-type'] !== 'application/json; charset=utf-8') throw new Error(`content type ${headers['content-type']}`)
  const envelope = JSON.parse(text) as Envelope
  const { code, message, result } = envelope
  const whole = Object.keys(envelope).join() === 'code,message,result' && Number.isInteger(code) && typeof message === 'string'
  if (!whole || typeof result !== 'object' || result === null) throw new Error(`not an envelope: ${text}`)
  return envelope
}

export const JSON_TYPE = { 'content-type': 'application/json' }

/** Posts a JSON body, which may be text of any kind, to an action. */
export async function sendJson(url: string, action: string, body: unknown, headers: Record<string, string> = {}): Promise<Envelope> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return envelopeOf(await send(url, { path: `/ehsm?Action=${action}`, headers: { ...JSON_TYPE, ...headers }, body: text }))
}

/** The JSON text of a signed body of ListKey, which every app may always send. */
export function listKeyText(credentials: Credentials, options: CallOptions = {}): string {
  return JSON.stringify(signedBody(credentials, undefined, options))
}

/** Writes bytes to a connection of their own and gives all that comes back until the server closes it. */
export function exchange(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(bytes))
    let text = ''
    socket.on('data', (part: Buffer) => (text += part.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}
