// The server's address, time limits and retries.
import { setTimeout as sleepFor } from 'node:timers/promises'
import { VouchsafeConnectionError } from './errors.ts'

const FIRST_RETRY_WAIT_MS = 100

export interface ConnectionOptions {
  /** Address of the server, with or without a path, e.g. `https://kms.example.org:9000`. */
  baseUrl: string
  /** Milliseconds for one attempt, answer included. Default 10,000; for the attestation authority 60,000. */
  timeoutMs?: number
  /** How often a request is sent again after network failures, where that is safe. Default 2. */
  retries?: number
  fetch?: typeof fetch
  /** Waits for some milliseconds. */
  sleep?: (ms: number) => Promise<unknown>
}

export interface Connection {
  /** Without a slash at the end. */
  readonly url: string
  readonly timeoutMs: number
  readonly retries: number
  readonly fetch: typeof fetch
  readonly sleep: (ms: number) => Promise<unknown>
}

/** Throws TypeError for options that cannot work. */
export function readConnection(options: ConnectionOptions, defaultTimeoutMs: number): Connection {
  const { baseUrl, timeoutMs = defaultTimeoutMs, retries = 2, fetch: fetchImpl = fetch, sleep = sleepFor } = options
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1) throw new TypeError('timeoutMs must be a positive number of milliseconds')
  if (!Number.isInteger(retries) || retries < 0) throw new TypeError('retries must be zero or a positive integer')
  return { url: serverUrl(baseUrl), timeoutMs, retries, fetch: fetchImpl, sleep }
}

function serverUrl(baseUrl: string): string {
  if (!URL.canParse(baseUrl)) throw new TypeError('baseUrl must be an absolute URL, such as http://127.0.0.1:9000')
  const url = new URL(baseUrl)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('baseUrl must begin with http:// or https://')
  if (url.username || url.password || url.search || url.hash)
    throw new TypeError('baseUrl must not hold credentials, a query or a fragment')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/** Counts the network failures of one call. */
export class Failures {
  readonly #connection: Connection
  readonly #repeatable: boolean
  #count = 0

  /** `repeatable`: the request may be sent again although a server may have executed it. */
  constructor(connection: Connection, repeatable: boolean) {
    this.#connection = connection
    this.#repeatable = repeatable
  }

  /** Waits until the request may be sent again. Throws the error itself when it may not. */
  async wait(error: unknown): Promise<void> {
    const { retries, sleep } = this.#connection
    const again = error instanceof VouchsafeConnectionError && error.transient && (!error.maybeExecuted || this.#repeatable)
    if (!again || this.#count >= retries) throw error
    // Jitter, so that the clients of a server that was down don't all return at once.
    await sleep(FIRST_RETRY_WAIT_MS * 2 ** this.#count * (0.5 + Math.random()))
    this.#count++
  }
}
