/**
 * The server answered and refused. `message` is the server's; `code` is the envelope's (400 caller's fault, 404 no such action, 500 server's
 * fault), or the HTTP status of the attestation authority.
 *
 * @example
 * const client = new VouchsafeClient({ baseUrl, appid, apikey })
 * const error: unknown = await client.describeKey('00000000-0000-4000-8000-000000000000').catch((error) => error)
 * error instanceof VouchsafeError && error.action // → 'DescribeKey'
 */
export class VouchsafeError extends Error {
  readonly code: number
  readonly action: string

  constructor(action: string, code: number, message: string) {
    super(message === '' ? `${action} was refused with code ${code}` : message)
    this.name = 'VouchsafeError'
    this.code = code
    this.action = action
  }
}

/**
 * No usable answer arrived: no connection, a time-out, an HTTP status other than 200, or not the API's JSON.
 *
 * @example
 * const throughProxy = async () => new Response('Bad Gateway', { status: 502 })
 * const client = new VouchsafeClient({ baseUrl, appid, apikey, fetch: throughProxy, retries: 0 })
 * const error: unknown = await client.listKeys().catch((error) => error)
 * error instanceof VouchsafeConnectionError && error.maybeExecuted // → true
 */
export class VouchsafeConnectionError extends Error {
  readonly action: string
  /** False when the request certainly did not reach a server, so that nothing has been done. */
  readonly maybeExecuted: boolean
  /** Whether the same request is likely to succeed a moment later. */
  readonly transient: boolean

  constructor(action: string, message: string, details: { maybeExecuted: boolean; transient: boolean; cause?: unknown }) {
    super(`${action}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VouchsafeConnectionError'
    this.action = action
    this.maybeExecuted = details.maybeExecuted
    this.transient = details.transient
  }
}
