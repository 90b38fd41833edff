// Signing, and when to send a request again.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { ACTIONS } from './actions.ts'
import type { ActionName } from './actions.ts'
import { VouchsafeConnectionError, VouchsafeError } from './errors.ts'
import { exchange } from './exchange.ts'
import type { Answer } from './exchange.ts'
import { ServerClock } from './server-clock.ts'
import { STRICT_HEADER, signRequest } from './signing.ts'

/** Milliseconds that one call may wait in all for its timestamp to be taken; a restarted server refuses those of its last two seconds. */
const STAMP_WAIT_MS = 4000
const FIRST_STAMP_WAIT_MS = 50
const FIRST_RETRY_WAIT_MS = 100

export interface CallerOptions {
  /** Address of the server, with or without a path, e.g. `https://kms.example.org:9000`. */
  baseUrl: string
  /** Milliseconds for one attempt, answer included. Default 10,000. */
  timeoutMs?: number
  /** How often a request is sent again after network failures, where that is safe. Default 2. */
  retries?: number
  fetch?: typeof fetch
  /** Milliseconds since 1970. */
  now?: () => number
  /** Waits for some milliseconds. */
  sleep?: (ms: number) => Promise<unknown>
}

export interface Credentials {
  appid: string
  apikey: string
}

/** Calls actions of one server. Holds the clock offset; safe to use for many calls at once. */
export class Caller {
  readonly #url: string
  readonly #credentials: Credentials | undefined
  readonly #timeoutMs: number
  readonly #retries: number
  readonly #fetch: typeof fetch
  readonly #clock: ServerClock
  readonly #sleep: (ms: number) => Promise<unknown>

  /** Throws TypeError for options that cannot work. */
  constructor(options: CallerOptions, credentials?: Credentials) {
    const { timeoutMs = 10_000, retries = 2 } = options
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1) throw new TypeError('timeoutMs must be a positive number of milliseconds')
    if (!Number.isInteger(retries) || retries < 0) throw new TypeError('retries must be zero or a positive integer')
    this.#url = endpoint(options.baseUrl)
    this.#credentials = credentials
    this.#timeoutMs = timeoutMs
    this.#retries = retries
    this.#fetch = options.fetch ?? fetch
    this.#clock = new ServerClock(options.now ?? Date.now)
    this.#sleep = options.sleep ?? sleepFor
  }

  /**
   * Calls an action: GET actions without credentials, POST actions signed. Every attempt has its own timestamp and nonce.
   * Throws VouchsafeError (refused) or VouchsafeConnectionError (no sensible answer).
   */
  async call(action: ActionName, payload?: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Answer> {
    let failures = 0
    let stampWaited = 0
    let stampWait = FIRST_STAMP_WAIT_MS
    let clockLearnt = false
    for (;;) {
      let answer: Answer
      try {
        answer = await this.#attempt(action, payload, headers)
      } catch (error) {
        if (!(error instanceof VouchsafeConnectionError) || failures >= this.#retries || !maySendAgain(action, error)) throw error
        // Jitter, so that the clients of a server that was away don't all come back at once.
        await this.#sleep(FIRST_RETRY_WAIT_MS * 2 ** failures * (0.5 + Math.random()))
        failures++
        continue
      }
      if (answer.code === 200) return answer
      if (isStampTaken(answer.message) && stampWaited < STAMP_WAIT_MS) {
        const wait = Math.min(stampWait, STAMP_WAIT_MS - stampWaited)
        await this.#sleep(wait)
        stampWaited += wait
        stampWait *= 2
        continue
      }
      if (isClockSkew(answer.message) && !clockLearnt && this.#clock.learn(answer.date)) {
        clockLearnt = true
        continue
      }
      throw new VouchsafeError(action, answer.code, answer.message)
    }
  }

  #attempt(action: ActionName, payload: Record<string, unknown> | undefined, headers: Record<string, string>): Promise<Answer> {
    const { method } = ACTIONS[action]
    const request = { action, method, url: `${this.#url}?Action=${action}`, timeoutMs: this.#timeoutMs }
    if (method === 'GET') return exchange(this.#fetch, { ...request, headers })
    if (this.#credentials === undefined) throw new TypeError(`${action} needs credentials`)
    const signed = signRequest({
      ...this.#credentials,
      method,
      action,
      timestamp: this.#clock.timestamp(),
      nonce: randomBytes(16).toString('base64url'),
      ...(payload && { payload }),
    })
    const signedHeaders = { 'content-type': 'application/json', [STRICT_HEADER]: signed.strictSignature }
    return exchange(this.#fetch, { ...request, headers: { ...headers, ...signedHeaders }, body: signed.body })
  }
}

function endpoint(baseUrl: string): string {
  if (!URL.canParse(baseUrl)) throw new TypeError('baseUrl must be an absolute URL, such as http://127.0.0.1:9000')
  const url = new URL(baseUrl)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('baseUrl must begin with http:// or https://')
  if (url.username || url.password || url.search || url.hash)
    throw new TypeError('baseUrl must not hold credentials, a query or a fragment')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}/ehsm`
}

function maySendAgain(action: ActionName, error: VouchsafeConnectionError): boolean {
  return error.transient && (!error.maybeExecuted || ACTIONS[action].repeatable)
}

/** Refusals that a later timestamp cures; the request was not executed. */
function isStampTaken(message: string): boolean {
  return message.startsWith("Timestamp can't be repeated") || message.startsWith('Timestamp error, the server restarted')
}

function isClockSkew(message: string): boolean {
  return message.startsWith('Timestamp error') && !isStampTaken(message)
}
