import { randomBytes } from 'node:crypto'
import { canonicalPayload, hmacBase64, requestData, type CanonicalForm } from '@vouchsafe/client'

export interface Credentials {
  appid: string
  apikey: string
}

export interface Envelope {
  code: number
  message: string
  /** Tests look into results of every shape. */
  result: Record<string, never>
}

export interface CallOptions {
  timestamp?: string
  /** A random one by default; null sends none. */
  nonce?: string | null
  form?: CanonicalForm
  upperCase?: boolean
  headers?: Record<string, string>
}

/** Enrols an app. */
export async function enroll(url: string): Promise<Credentials> {
  const response = await fetch(`${url}/ehsm?Action=Enroll`)
  const { code, message, result } = (await response.json()) as { code: number; message: string; result: Credentials }
  if (code !== 200) throw new Error(message)
  return result
}

/** The body of a signed request, made without the client under test. */
export function signedBody(
  { appid, apikey }: Credentials,
  payload: object | undefined,
  options: CallOptions = {},
): Record<string, unknown> {
  const { timestamp = String(Date.now()), nonce = randomBytes(12).toString('hex'), form = 'drop-empty', upperCase = false } = options
  const fields = { appid, timestamp, ...(nonce === null ? {} : { nonce }) }
  const sign = hmacBase64(apikey, requestData(fields, payload && canonicalPayload(payload, form).text))
  return { ...fields, ...(payload === undefined ? {} : { payload }), sign: upperCase ? sign.toUpperCase() : sign }
}

/** Sends any body to an action and gives the envelope, whatever its code. */
export async function post(url: string, action: string, body: unknown, headers: Record<string, string> = {}): Promise<Envelope> {
  const response = await fetch(`${url}/ehsm?Action=${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  if (response.status !== 200) throw new Error(`HTTP ${response.status}`)
  return (await response.json()) as Envelope
}

/** A signed call. */
export function call(
  url: string,
  credentials: Credentials,
  action: string,
  payload?: object,
  options: CallOptions = {},
): Promise<Envelope> {
  return post(url, action, signedBody(credentials, payload, options), options.headers)
}

/** A signed call that must succeed; gives its result. */
export async function succeed(
  url: string,
  credentials: Credentials,
  action: string,
  payload?: object,
  options: CallOptions = {},
): Promise<Record<string, never>> {
  const { code, message, result } = await call(url, credentials, action, payload, options)
  if (code !== 200) throw new Error(`${action}: ${code} ${message}`)
  return result
}
