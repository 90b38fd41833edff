/**
 * Apps: the tenants of the key management API, each with an appid and an API key.
 *
 * Invariants: an API key is stored sealed to its row; in memory it is a MacKey; it leaves the server once, in the answer to Enroll.
 */
import { appPrincipal, type Call, type Principal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { randomBytes } from 'node:crypto'
import type { ApiKeyRow, AppRow, ChangeFeed } from '../storage/index.ts'
import { MacKey, ReadThroughCache, ServiceError, type Runtime } from '../foundation/index.ts'
import { newKeyRow } from '../keys/index.ts'
import type { KeyCrypto } from '@vouchsafe/crypto'
import type { Envelope, SealedBlob, SealedColumn } from '../envelope/index.ts'
import type { Storage } from '../storage/index.ts'
import { generateApiKey } from './api-key.ts'
import { hashEnrollToken } from './enroll-tokens.ts'

const MAX_CACHED_APPS = 20_000
/** The most API keys of one app that are valid at once: each costs every request of the app a MAC. */
const MAX_OVERLAPPING = 3
const PAGE = 1_000

/** An app, as needed by requests. */
export interface App {
  readonly principal: Principal
  readonly id: string
  readonly enabled: boolean
  readonly strictSignature: boolean
  readonly acceptUpperCase: boolean
  /** More than one while a rotated API key overlaps; `expiresAt` in milliseconds since 1970. */
  readonly macKeys: readonly { key: MacKey; expiresAt: number }[]
}

/** The settings of an app that can be changed. */
export type AppSettings = Partial<Pick<AppRow, 'enabled' | 'strictSignature' | 'acceptUpperCase'>>

/** An app as operators see it. */
export interface AppDescription {
  app: AppRow
  apiKeys: Pick<ApiKeyRow, 'id' | 'createdAt' | 'expiresAt'>[]
}

/** How a new app is created. */
export interface EnrollTerms {
  /** The most apps in all; not applied to enrolment with a token. */
  limit: number
  acceptUpperCase: boolean
  /** An enrolment token, which is consumed. */
  token?: string | undefined
}

export class Apps {
  readonly #storage: Storage
  readonly #envelope: Envelope
  readonly #crypto: KeyCrypto
  readonly #runtime: Runtime
  readonly #cache: ReadThroughCache<App | undefined>
  /** Opened in place of a stored key when an appid is unknown, so that the answer takes equally long. */
  #decoy: SealedBlob

  constructor(services: { storage: Storage; envelope: Envelope; crypto: KeyCrypto; runtime: Runtime; feed: ChangeFeed }) {
    this.#storage = services.storage
    this.#envelope = services.envelope
    this.#crypto = services.crypto
    this.#runtime = services.runtime
    this.#decoy = newDecoy(services.envelope)
    const { feed } = services
    this.#cache = new ReadThroughCache({ feed, read: (id) => this.#read(id), bound: { max: MAX_CACHED_APPS } })
    feed.subscribe({
      changed: (kind, id) => {
        if (kind === 'app') this.#cache.forget(id)
      },
      reset: () => this.#cache.forgetAll(),
    })
  }

  /** The app, if it is in memory and memory can be trusted. */
  cached(id: string): App | undefined {
    return this.#cache.cached(id)
  }

  /** The app as stored now; takes equally long for an unknown id. Calls during a load share it. */
  load(id: string): Promise<App | undefined> {
    return this.#cache.load(id)
  }

  async #read(id: string): Promise<App | undefined> {
    const found = await this.#storage.findApp({ id })
    if (found) return this.#assemble(found.app, found.apiKeys)
    // Its domain key is removed once another replaces it.
    if (this.#decoy.domainVersion !== this.#envelope.current) this.#decoy = newDecoy(this.#envelope)
    this.#envelope.open('api-key', DECOY_IDENTITY, this.#decoy).fill(0)
    return undefined
  }

  #assemble(app: AppRow, apiKeys: readonly ApiKeyRow[]): App {
    const macKeys = apiKeys.map((row) => {
      const bytes = this.#envelope.open('api-key', apiKeyIdentity(row.id, row.appId), {
        blob: row.sealed,
        domainVersion: row.domainVersion,
      })
      const key = new MacKey(bytes)
      bytes.fill(0)
      return { key, expiresAt: row.expiresAt ?? Infinity }
    })
    return {
      principal: appPrincipal(app.id),
      id: app.id,
      enabled: app.enabled,
      strictSignature: app.strictSignature,
      acceptUpperCase: app.acceptUpperCase,
      macKeys,
    }
  }

  /**
   * Creates an app with its API key and its hidden default key (which later wraps its secrets). With an enrolment token, which is consumed,
   * the limit does not apply: the operator has agreed.
   * @throws {ServiceError} `enroll_limit` if there are `limit` apps already, `enroll_token` if the token is not usable
   */
  async enroll(call: Call, { limit, acceptUpperCase, token }: EnrollTerms): Promise<{ appid: string; apikey: string }> {
    const at = this.#runtime.now()
    const appid = this.#runtime.uuid()
    const apikey = generateApiKey(this.#runtime)
    const keyId = this.#runtime.uuid()
    const sealed = this.#envelope.seal('api-key', apiKeyIdentity(keyId, appid), Buffer.from(apikey))
    const defaultKey = await newKeyRow(
      { envelope: this.#envelope, crypto: this.#crypto },
      {
        id: this.#runtime.uuid(),
        appId: appid,
        spec: 'aes-256-gcm',
        origin: 'internal',
        usage: 'encrypt',
        isDefault: true,
        createdAt: at,
        expiresAt: null,
      },
    )
    const outcome = await this.#storage.insertApp({
      app: { id: appid, enabled: true, strictSignature: false, acceptUpperCase, createdAt: at },
      apiKey: { id: keyId, appId: appid, sealed: sealed.blob, domainVersion: sealed.domainVersion, createdAt: at, expiresAt: null },
      defaultKey,
      ...(token === undefined ? { limit } : { limit: Number.MAX_SAFE_INTEGER, tokenHash: hashEnrollToken(token) }),
      audit: changeRecord(call, appid, at),
    })
    if (outcome === 'limit') throw new ServiceError('enroll_limit')
    if (outcome === 'token') throw new ServiceError('enroll_token')
    return { appid, apikey }
  }

  /** Every app, by ascending id, in pages. */
  async *list(): AsyncGenerator<AppRow[]> {
    for (let after: string | null = null; ;) {
      const page: AppRow[] = await this.#storage.listApps({ after, limit: PAGE })
      yield page
      if (page.length < PAGE) return
      after = page.at(-1)!.id
    }
  }

  /** An app's settings and its API keys, oldest first, without the keys themselves; undefined if there is no such app. */
  async describe(id: string): Promise<AppDescription | undefined> {
    const found = await this.#storage.findApp({ id })
    if (!found) return undefined
    return { app: found.app, apiKeys: found.apiKeys.map(({ id: key, createdAt, expiresAt }) => ({ id: key, createdAt, expiresAt })) }
  }

  /** Changes an app's settings; returns false if there is no such app. Takes effect at once here, within a second in other servers. */
  async update(call: Call, id: string, settings: AppSettings): Promise<boolean> {
    const at = this.#runtime.now()
    const audit = changeRecord(call, id, at, settings)
    const found = await this.#storage.updateApp({ id, set: settings, at, audit })
    this.#cache.forget(id)
    return found
  }

  /**
   * Creates a new API key for the app, shown only once; the old one works for `overlapMs` longer. Immediate here, within a second on other
   * servers.
   * @throws {ServiceError} `app_not_found`, or `limit_reached` if too many of its keys overlap already
   */
  async rotateKey(call: Call, id: string, overlapMs: number): Promise<{ apikey: string; oldUntil: number }> {
    const at = this.#runtime.now()
    const apikey = generateApiKey(this.#runtime)
    const keyId = this.#runtime.uuid()
    const sealed = this.#envelope.seal('api-key', apiKeyIdentity(keyId, id), Buffer.from(apikey))
    const othersUntil = at + overlapMs
    const outcome = await this.#storage.rotateApiKey({
      apiKey: { id: keyId, appId: id, sealed: sealed.blob, domainVersion: sealed.domainVersion, createdAt: at, expiresAt: null },
      othersUntil,
      limit: MAX_OVERLAPPING,
      at,
      audit: changeRecord(call, id, at, { apiKey: keyId, oldUntil: othersUntil }),
    })
    this.#cache.forget(id)
    if (outcome === 'missing') throw new ServiceError('app_not_found', { message: `there is no app ${id}` })
    if (outcome === 'limit')
      throw new ServiceError('limit_reached', {
        message: `${MAX_OVERLAPPING} API keys of this app are valid already: wait until one ends, or rotate without overlap`,
      })
    return { apikey, oldUntil: othersUntil }
  }

  get cacheSize(): number {
    return this.#cache.size
  }
}

const DECOY_IDENTITY = ['decoy', 'decoy']

function newDecoy(envelope: Envelope): SealedBlob {
  return envelope.seal('api-key', DECOY_IDENTITY, randomBytes(32))
}

/** Where API keys are stored, sealed. */
export const API_KEY_COLUMN: SealedColumn<'api_keys'> = { kind: 'api-key', identity: ({ id, appId }) => apiKeyIdentity(id, appId) }

function apiKeyIdentity(id: string, appId: string): string[] {
  return [id, appId]
}
