// Signing, and when to send a request again.
import { randomBytes } from 'node:crypto'
import { EHSM } from '@vouchsafe/operations'
import type { EhsmAction } from '@vouchsafe/operations'
import { Failures, readConnection } from './connection.ts'
import type { Connection, ConnectionOptions } from './connection.ts'
import { readEnvelope } from './envelope.ts'
import type { Answer } from './envelope.ts'
import { VouchsafeError } from './errors.ts'
import { exchange } from './exchange.ts'
import { ServerClock } from './server-clock.ts'
import { STRICT_HEADER, signRequest } from './signing.ts'

/**
 * The total time in milliseconds that one call may wait for its timestamp to be accepted; a restarted server refuses timestamps of the two
 * seconds before.
 */
const STAMP_WAIT_MS = 4000
const FIRST_STAMP_WAIT_MS = 50
const TIMEOUT_MS = 10_000

export interface CallerOptions extends ConnectionOptions {
  /** Milliseconds since 1970. */
  now?: () => number
}

export interface Credentials {
  appid: string
  apikey: string
}

/** Calls actions of one server. Holds the clock offset; safe to use for many calls at once. */
export class Caller {
  readonly #connection: Connection
  readonly #credentials: Credentials | undefined
  readonly #clock: ServerClock

  /** Throws TypeError for options that cannot work. */
  constructor(options: CallerOptions, credentials?: Credentials) {
    this.#connection = readConnection(options, TIMEOUT_MS)
    this.#credentials = credentials
    this.#clock = new ServerClock(options.now ?? Date.now)
  }

  /**
   * Calls an action: GET actions without credentials, POST actions signed. Every attempt has its own timestamp and nonce.
   * Throws VouchsafeError (refused) or VouchsafeConnectionError (no usable answer).
   */
  async call(action: EhsmAction, payload?: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Answer> {
    const failures = new Failures(this.#connection, EHSM[action].repeatable)
    let stampWaited = 0
    let stampWait = FIRST_STAMP_WAIT_MS
    let clockLearnt = false
    for (;;) {
      let answer: Answer
      try {
        answer = await this.#attempt(action, payload, headers)
      } catch (error) {
        await failures.wait(error)
        continue
      }
      if (answer.code === 200) return answer
      if (isStampTaken(answer.message) && stampWaited < STAMP_WAIT_MS) {
        // Besides the server's last seconds, a restarted server refuses what lies behind its other clients' clocks.
        if (isRestart(answer.message)) this.#clock.catchUp(answer.date)
        const wait = Math.min(stampWait, STAMP_WAIT_MS - stampWaited)
        await this.#connection.sleep(wait)
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

  async #attempt(action: EhsmAction, payload: Record<string, unknown> | undefined, headers: Record<string, string>): Promise<Answer> {
    const { method } = EHSM[action]
    const { url, timeoutMs, fetch: fetchImpl } = this.#connection
    const request = { action, method, url: `${url}/ehsm?Action=${action}`, timeoutMs }
    if (method === 'GET') return readEnvelope(action, await exchange(fetchImpl, { ...request, headers }))
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
    return readEnvelope(action, await exchange(fetchImpl, { ...request, headers: { ...headers, ...signedHeaders }, body: signed.body }))
  }
}

/** Refusals that a newer timestamp resolves; the request was not executed. */
function isStampTaken(message: string): boolean {
  return message.startsWith("Timestamp can't be repeated") || isRestart(message)
}

function isRestart(message: string): boolean {
  return message.startsWith('Timestamp error, the server restarted')
}

function isClockSkew(message: string): boolean {
  return message.startsWith('Timestamp error') && !isStampTaken(message)
}
