/**
 * The source of an app's new values: an address of the app's own, to which a signed request is sent at each rotation of one of its secrets.
 *
 * The signing key is shown once and lies sealed to its app, address and time, so that someone with write access to the database cannot
 * redirect the requests. docs/secrets.md describes the protocol.
 */
import type { Call, Principal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { createHmac } from 'node:crypto'
import { invalid, type Runtime } from '../foundation/index.ts'
import type { Envelope, SealedColumn } from '../envelope/index.ts'
import type { RotationWebhookRow, Storage } from '../storage/index.ts'

const SIGNING_KEY_BYTES = 32
/** UTF-16 units of a secret's value. */
export const MAX_VALUE = 4096

/** The way out of this server. */
export interface Outbound {
  /** Why an address cannot be used, or undefined; judges its text alone. */
  refusal(url: string): string | undefined
  /**
   * Posts JSON and returns the response's status and body, bounded in size and time.
   * @throws {OutboundError} with a message that may be shown
   */
  postJson(
    url: string,
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ status: number; body: Buffer }>
}

/** There was no response; the message may be shown to the app. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
}

/** The webhook could not be called or returned no value; the message may be shown to the app. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError'
}

/** What the webhook is told about a rotation. */
export interface RotationQuestion {
  rotationId: string
  appid: string
  secretName: string
  /** The version that is current until the new value replaces it. */
  currentVersionId: number
  /** 1 for the first attempt. */
  attempt: number
}

export class RotationWebhooks {
  readonly #storage: Storage
  readonly #envelope: Envelope
  readonly #runtime: Runtime
  readonly #outbound: Outbound

  constructor(services: { storage: Storage; envelope: Envelope; runtime: Runtime; outbound: Outbound }) {
    this.#storage = services.storage
    this.#envelope = services.envelope
    this.#runtime = services.runtime
    this.#outbound = services.outbound
  }

  /**
   * Registers the app's webhook, replacing an earlier one, and returns its new signing key (base64), only once.
   * @throws {ServiceError} `invalid` for an unusable address
   */
  async set(call: Call, url: string): Promise<string> {
    const { tenant: appId } = call.principal
    const refusal = url.isWellFormed() ? this.#outbound.refusal(url) : 'is not an address'
    if (refusal !== undefined) throw invalid('url', refusal)
    const createdAt = this.#runtime.now()
    const key = this.#runtime.randomBytes(SIGNING_KEY_BYTES)
    const sealed = this.#envelope.seal('webhook-key', identity({ appId, url, createdAt }), key)
    const signingKey = key.toString('base64')
    key.fill(0)
    await this.#storage.putRotationWebhook({
      webhook: { appId, url, signingKey: sealed.blob, domainVersion: sealed.domainVersion, createdAt },
      audit: changeRecord(call, appId, createdAt, { url }),
    })
    return signingKey
  }

  async describe(principal: Principal): Promise<Pick<RotationWebhookRow, 'url' | 'createdAt'> | null> {
    const { tenant: appId } = principal
    return this.#storage.findRotationWebhook({ appId })
  }

  /** Removes the app's webhook; a missing one is not an error. */
  async remove(call: Call): Promise<void> {
    const { tenant: appId } = call.principal
    await this.#storage.deleteRotationWebhook({
      appId,
      audit: changeRecord(call, appId, this.#runtime.now()),
    })
  }

  /**
   * Asks the app's webhook for a secret's new value; undefined if the app has none.
   * @throws {WebhookError} if it returns no value
   * @throws {SealError} if the registration was altered
   */
  async ask(question: RotationQuestion, signal: AbortSignal): Promise<string | undefined> {
    const webhook = await this.#storage.findRotationWebhook({ appId: question.appid })
    if (!webhook) return undefined
    const body = JSON.stringify(question)
    const timestamp = String(this.#runtime.now())
    const headers = { 'x-vouchsafe-timestamp': timestamp, 'x-vouchsafe-webhook-signature': this.#sign(webhook, timestamp, body) }
    const answer = await this.#outbound.postJson(webhook.url, body, headers, signal).catch((error: unknown) => {
      throw error instanceof OutboundError ? new WebhookError(`the webhook ${error.message}`) : error
    })
    if (answer.status !== 200) throw new WebhookError(`the webhook answered with HTTP status ${answer.status}`)
    return readAnswer(answer.body)
  }

  #sign(webhook: RotationWebhookRow, timestamp: string, body: string): string {
    const key = this.#envelope.open('webhook-key', identity(webhook), { blob: webhook.signingKey, domainVersion: webhook.domainVersion })
    const signature = createHmac('sha256', key).update(`vouchsafe-rotation-v1\n${timestamp}\n${body}`).digest('base64')
    key.fill(0)
    return signature
  }
}

/** Where the keys that sign requests are stored, sealed. */
export const WEBHOOK_COLUMN: SealedColumn<'rotation_webhooks'> = { kind: 'webhook-key', identity }

function identity({ appId, url, createdAt }: Pick<RotationWebhookRow, 'appId' | 'url' | 'createdAt'>): string[] {
  return [appId, url, String(createdAt)]
}

/** The new value in a response's JSON. */
function readAnswer(body: Buffer): string {
  let answer: unknown
  try {
    answer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new WebhookError("the webhook's answer is not JSON")
  } finally {
    body.fill(0)
  }
  const value =
    typeof answer === 'object' && answer !== null && Object.hasOwn(answer, 'secretData')
      ? (answer as { secretData: unknown }).secretData
      : undefined
  if (typeof value !== 'string' || value.length < 1 || value.length > MAX_VALUE) {
    throw new WebhookError(`the webhook's answer has no secretData of 1 to ${MAX_VALUE} characters`)
  }
  return value
}
