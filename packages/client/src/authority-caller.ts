// Calls of the attestation authority: how the caller identifies itself, and when a request is retried.
import { GTA, SERVICE_PREFIXES } from '@vouchsafe/operations'
import type { GtaCallName, GtaDescriptor } from '@vouchsafe/operations'
import { Failures, readConnection } from './connection.ts'
import type { Connection, ConnectionOptions } from './connection.ts'
import { VouchsafeError } from './errors.ts'
import { exchange, notAnAnswer, statusError } from './exchange.ts'
import type { HttpAnswer } from './exchange.ts'
import { tlsFetch } from './tls-fetch.ts'
import type { TlsOptions } from './tls-fetch.ts'

/** Appraising a long log takes a while. */
const TIMEOUT_MS = 60_000

/**
 * The caller's identity: an API key, a TLS client certificate or, for a server on this machine, a name alone. If several are given, they
 * must agree.
 */
export interface Identity {
  /** The User-Id: 1 to 36 printable ASCII characters. */
  user?: string
  apiKey?: string
}

export interface AuthorityOptions extends ConnectionOptions, Identity {
  /**
   * A client certificate that identifies the caller, and the authorities that may have issued the server's certificate. Requires https;
   * cannot be combined with `fetch`.
   */
  tls?: TlsOptions
}

export class AuthorityCaller {
  readonly #connection: Connection
  readonly #headers: Record<string, string>

  /** Throws TypeError for options that cannot work. */
  constructor(options: AuthorityOptions) {
    const { user, apiKey, tls } = options
    if (user !== undefined && !/^[ -~]{1,36}$/.test(user)) throw new TypeError('user must be 1 to 36 printable ASCII characters')
    if (apiKey !== undefined && !/^[!-~]+$/.test(apiKey)) throw new TypeError('apiKey must be printable ASCII characters')
    this.#connection = readConnection(tls === undefined ? options : { ...options, fetch: tlsFetch(tls) }, TIMEOUT_MS)
    if (tls !== undefined && options.fetch !== undefined) throw new TypeError('tls and fetch cannot be used together')
    if (tls !== undefined && !this.#connection.url.startsWith('https:'))
      throw new TypeError('tls needs a baseUrl that begins with https://')
    // Node treats empty text as absent, and would then trust every authority that the system trusts.
    for (const [name, text] of Object.entries(tls ?? {}))
      if (text !== undefined && !text.includes('-----BEGIN ')) throw new TypeError(`tls: ${name} holds no PEM`)
    this.#headers = { ...(user !== undefined && { 'user-id': user }), ...(apiKey !== undefined && { 'api-key': apiKey }) }
  }

  /**
   * Calls an operation; returns its JSON object, or {} for a response without a body. Undefined query parameters are left out.
   * Throws VouchsafeError with the HTTP status for code (refused) or VouchsafeConnectionError (no sensible answer).
   */
  async call(
    name: GtaCallName,
    { body, query = {} }: { body?: object; query?: Record<string, string | undefined> } = {},
  ): Promise<Record<string, unknown>> {
    const { method, paths, absolute, repeatable }: GtaDescriptor = GTA[name]
    const { url, timeoutMs, fetch: fetchImpl } = this.#connection
    const asked = new URLSearchParams(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined))
    const request = {
      action: name,
      method,
      url: `${url}${absolute ? paths[0] : `${SERVICE_PREFIXES[0]}/${paths[0]}`}${asked.size > 0 ? `?${asked}` : ''}`,
      headers: { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeoutMs,
    }
    const failures = new Failures(this.#connection, repeatable)
    for (;;) {
      try {
        return readAnswer(name, await exchange(fetchImpl, request))
      } catch (error) {
        await failures.wait(error)
      }
    }
  }
}

function readAnswer(name: GtaCallName, { status, text }: HttpAnswer): Record<string, unknown> {
  let answer: unknown
  try {
    answer = status === 200 && text === '' ? {} : JSON.parse(text)
  } catch {
    // Said below.
  }
  const isObject = typeof answer === 'object' && answer !== null && !Array.isArray(answer)
  if (status === 200 && isObject) return answer as Record<string, unknown>
  if (status === 200) throw notAnAnswer(name, 'the answer is not a JSON object; is this the address of a Vouchsafe server?')
  const { message } = (isObject ? answer : {}) as { message?: unknown }
  if (typeof message === 'string') throw new VouchsafeError(name, status, message)
  throw statusError(name, status)
}
