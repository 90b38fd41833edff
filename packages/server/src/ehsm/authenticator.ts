/**
 * Request signatures. An unknown appid, a disabled app and a wrong signature take the same time and get the same message, except for a
 * disabled app whose signature is correct.
 */
import { timingSafeEqual } from 'node:crypto'
import { CanonicalError, canonicalPayload, coveredPayload, requestData, strictText, type CanonicalForm } from '@vouchsafe/client'
import { ANYBODY } from '../access/index.ts'
import { MacKey, ServiceError, type Runtime } from '../foundation/index.ts'
import type { App, Apps } from '../tenants/index.ts'
import type { CommonParameters } from './common-parameters.ts'
import { EhsmRefusal } from './refusals.ts'

/** base64 of 32 bytes. */
const SIGN_PATTERN = /^[A-Za-z0-9+/]{43}=$/
const APPID_PATTERN = /^[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}$/
/** Never equal to a MAC in base64, which has no blanks. */
const NO_SIGN = Buffer.from(' '.repeat(44))

/** The parts of a request, besides its body's parameters, that may be signed. */
export interface RequestFacts {
  method: string
  action: string
  body: Buffer
  /** The strict header, if sent. */
  strictSignature: string | undefined
}

export interface Authenticated {
  app: App
  /** What the signature covers. */
  payload: Readonly<Record<string, unknown>>
  /** The request's own MAC, as computed here: the same for a signature in capitals. */
  requestMac: Buffer
  /** base64 of HMAC-SHA256 under the API key that the signature was made with. */
  mac(data: string): string
}

/** The result of checking a signature. */
interface Verified {
  form: CanonicalForm
  key: MacKey
  requestMac: Buffer
}

interface SignedText {
  form: CanonicalForm
  text: string
}

export class Authenticator {
  readonly #apps: Apps
  readonly #runtime: Runtime
  readonly #acceptUpperCase: boolean
  readonly #onUpperCase: (appId: string) => void
  /** Stands in for an app that doesn't exist. */
  readonly #decoy: App

  constructor(options: { apps: Apps; runtime: Runtime; acceptUpperCase: boolean; onUpperCase: (appId: string) => void }) {
    this.#apps = options.apps
    this.#runtime = options.runtime
    this.#acceptUpperCase = options.acceptUpperCase
    this.#onUpperCase = options.onUpperCase
    const key = new MacKey(options.runtime.randomBytes(32))
    this.#decoy = {
      principal: ANYBODY,
      id: '',
      enabled: false,
      strictSignature: false,
      acceptUpperCase: true,
      macKeys: [{ key, expiresAt: Infinity }],
    }
  }

  /**
   * The app that signed the request.
   * @throws {EhsmRefusal} `sign_error`, `strict_signature`, or `parameter_type` for a payload without a canonical text
   * @throws {ServiceError} `app_disabled`
   */
  authenticate(parameters: CommonParameters, facts: RequestFacts): Authenticated | Promise<Authenticated> {
    const texts = signedTexts(parameters)
    const app = this.#apps.cached(parameters.appid)
    const verified = this.#verify(app ?? this.#decoy, texts, parameters.sign, facts)
    if (app && verified) return this.#admit(app, verified, parameters, facts)
    // Whether the app is unknown, not in memory, changed elsewhere or the signature is wrong: one look-up in the store, one more check.
    return this.#reload(parameters, texts, facts)
  }

  async #reload(parameters: CommonParameters, texts: SignedText[], facts: RequestFacts): Promise<Authenticated> {
    // An id that no app can have is still looked up, under a stand-in id.
    const app = await this.#apps.load(APPID_PATTERN.test(parameters.appid) ? parameters.appid : '-')
    const verified = this.#verify(app ?? this.#decoy, texts, parameters.sign, facts)
    if (!app || !verified) throw new EhsmRefusal('sign_error')
    return this.#admit(app, verified, parameters, facts)
  }

  #admit(app: App, { form, key, requestMac }: Verified, { payload }: CommonParameters, { strictSignature }: RequestFacts): Authenticated {
    if (!app.enabled) throw new ServiceError('app_disabled')
    if (app.strictSignature && strictSignature === undefined) throw new EhsmRefusal('strict_signature')
    const covered = payload === undefined ? {} : coveredPayload(payload as Record<string, unknown>, form)
    return { app, payload: covered, requestMac, mac: (data) => key.base64(data) }
  }

  /**
   * The form and the key under which the signature is correct, or undefined, once every one of them was computed and compared: only a correct signature,
   * of which its sender knows form and key, takes less.
   */
  #verify(app: App, texts: readonly SignedText[], sign: string, facts: RequestFacts): Verified | undefined {
    const given = SIGN_PATTERN.test(sign) ? Buffer.from(sign, 'latin1') : NO_SIGN
    // Only a text without lower-case letters can be an upper-cased one; the sender knows that much anyway.
    const tryUpperCase = this.#acceptUpperCase && app.acceptUpperCase && sign === sign.toUpperCase()
    for (const { key, expiresAt } of app.macKeys) {
      if (expiresAt <= this.#runtime.now()) continue
      const strict = facts.strictSignature === undefined || isStrictSignature(key, facts)
      for (const { form, text } of texts) {
        const expected = key.base64(text)
        const exact = timingSafeEqual(given, Buffer.from(expected, 'latin1'))
        const upper = tryUpperCase && timingSafeEqual(given, Buffer.from(expected.toUpperCase(), 'latin1'))
        if (strict && (exact || upper)) {
          if (!exact) this.#onUpperCase(app.id)
          return { form, key, requestMac: Buffer.from(expected, 'base64') }
        }
      }
    }
    return undefined
  }
}

/**
 * At most three: the primary form, and those that keep empty values and booleans if the payload has any, otherwise the one in sent order.
 */
function signedTexts(parameters: CommonParameters): SignedText[] {
  const { appid, nonce, payload, timestamp } = parameters
  const fields = nonce === undefined ? { appid, timestamp } : { appid, timestamp, nonce }
  if (payload === undefined) return [{ form: 'drop-empty', text: requestData(fields, undefined) }]
  try {
    const primary = canonicalPayload(payload, 'drop-empty')
    const texts: SignedText[] = [{ form: 'drop-empty', text: requestData(fields, primary.text) }]
    if (primary.formSensitive) {
      for (const form of ['keep-python', 'keep-json'] as const) {
        texts.push({ form, text: requestData(fields, canonicalPayload(payload, form).text) })
      }
    } else {
      const sent = sentOrderText(payload)
      if (sent !== undefined) texts.push({ form: 'drop-empty', text: requestData(fields, sent) })
    }
    return texts
  } catch (error) {
    if (error instanceof CanonicalError) throw new EhsmRefusal('parameter_type', `param type error, ${error.message}`)
    throw error
  }
}

/**
 * The text of a flat payload with its keys in the order they were sent in, if that isn't the ascending one: four of the document's samples
 * (Decrypt, AsymmetricDecrypt, Sign, Verify) sign that, against the document's rule.
 */
function sentOrderText(payload: Readonly<Record<string, unknown>>): string | undefined {
  const keys = Object.keys(payload)
  if (!keys.some((key, i) => i > 0 && key < keys[i - 1]!)) return undefined
  if (!keys.every((key) => typeof payload[key] === 'string' || typeof payload[key] === 'number')) return undefined
  return keys.map((key) => `${key}=${payload[key]}`).join('&')
}

function isStrictSignature(key: MacKey, { method, action, body, strictSignature }: RequestFacts): boolean {
  const given = SIGN_PATTERN.test(strictSignature!) ? Buffer.from(strictSignature!, 'latin1') : NO_SIGN
  return timingSafeEqual(given, Buffer.from(key.base64(strictText(method, action, body)), 'latin1'))
}
