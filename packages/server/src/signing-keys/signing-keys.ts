/**
 * The attestation authority's own keys: NSK (nonces), FSK (rows of tenants' resources), TSK (tokens), each in versions that are all kept until
 * an operator retires one.
 *
 * Invariants: private keys are sealed to their name, version and algorithm, and are KeyObjects in memory; a version that exists never
 * changes, and its number is never reused; of several servers that create the next version at once, one wins by the store's primary key
 * and all use the version it stored.
 */
import { systemCall, type Call } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { ChangeFeed, SigningKeyName, SigningKeyRow, Storage } from '../storage/index.ts'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { Envelope, SealedColumn } from '../envelope/index.ts'
import { fits, type SignatureAlgorithm } from './signature.ts'
import {
  algorithmName,
  generateSigningKey,
  importSigningKey,
  NONCE_ALGORITHM,
  ROW_ALGORITHM,
  SIGNING_KEY_NAMES,
  signingKey,
  type SigningKey,
} from './signing-key.ts'

/** A bound against rotation by a runaway script: all versions are in memory. */
const MAX_VERSIONS = 1_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Keys are created this long after the server is ready, or when first needed, so that they don't delay the first requests. */
const START_DELAY_MS = 3_000
const LOOK_AGAIN_MS = 1_000
/** After this time every server signs with a new version: those that cannot read the change feed have noticed by then. */
const SETTLED_MS = 10_000

export interface SigningKeySettings {
  tokenAlgorithm: SignatureAlgorithm
  /** 0: never automatically. */
  signingKeyRotationDays: number
}

export interface KeyringServices {
  storage: Storage
  envelope: Envelope
  runtime: Runtime
  feed: ChangeFeed
  log: Log
}

/** A row of one of these keys. */
type NamedRow = SigningKeyRow & { name: SigningKeyName }

/** All versions of each key, newest first. */
type Versions = ReadonlyMap<SigningKeyName, readonly SigningKey[]>

export class SigningKeys implements AsyncDisposable {
  readonly #services: KeyringServices
  readonly #settings: SigningKeySettings
  /** Unsealed keys by name and version: a row never changes. */
  readonly #unsealed = new Map<string, SigningKey>()
  #versions: Versions | undefined
  #loading: Promise<Versions> | undefined
  #making: Promise<Versions> | undefined
  #lookedAgain = -Infinity
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(services: KeyringServices, settings: SigningKeySettings) {
    this.#services = services
    this.#settings = settings
    services.feed.subscribe({ changed: (kind) => kind === 'signing-key' && this.#forget(), reset: () => this.#forget() })
  }

  get tokenAlgorithm(): SignatureAlgorithm {
    return this.#settings.tokenAlgorithm
  }

  /** Creates missing keys in the background. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.#complete().catch((error: unknown) => this.#services.log.error({ err: error }, 'cannot make the signing keys'))
    }, START_DELAY_MS)
    this.#timer.unref()
  }

  /** The version that signs now: the newest, for TSK the newest that fits the token algorithm. Creates the keys if there are none yet. */
  async current(name: SigningKeyName): Promise<SigningKey> {
    const versions = await this.#complete()
    return this.#newest(versions, name)!
  }

  /** Every version, newest first. */
  async all(name: SigningKeyName): Promise<readonly SigningKey[]> {
    return (await this.#load()).get(name) ?? []
  }

  /** One version; undefined if there is none. */
  async version(name: SigningKeyName, version: number): Promise<SigningKey | undefined> {
    return this.find(name, (key) => key.version === version)
  }

  /** The newest version with some property. Looks again, at most once a second, for one that another server has just created. */
  async find(name: SigningKeyName, matches: (key: SigningKey) => boolean): Promise<SigningKey | undefined> {
    const found = (await this.all(name)).find(matches)
    const now = this.#services.runtime.monotonic()
    if (found || now - this.#lookedAgain < LOOK_AGAIN_MS) return found
    this.#lookedAgain = now
    this.#forget()
    return (await this.all(name)).find(matches)
  }

  /** Every TSK's public key (RFC 7517). */
  async jwks(): Promise<{ keys: Readonly<Record<string, string>>[] }> {
    return { keys: ((await this.#complete()).get('TSK') ?? []).map(({ jwk }) => jwk) }
  }

  /** Creates the next version of a key; returns it, or the one that another server created meanwhile. */
  async rotate(call: Call, name: SigningKeyName): Promise<SigningKey> {
    const next = this.#nextVersion(await this.#load(), name)
    return this.#add(name, next, await generateSigningKey(this.#algorithm(name)), call)
  }

  /** Rotates the keys whose newest version is older than the settings allow. */
  async rotateDue(): Promise<void> {
    const days = this.#settings.signingKeyRotationDays
    if (days === 0) return
    const versions = await this.#load()
    for (const name of SIGNING_KEY_NAMES) {
      const newest = this.#newest(versions, name)
      if (newest && newest.createdAt + days * DAY_MS <= this.#services.runtime.now())
        await this.rotate(systemCall('RotateSigningKey'), name)
    }
  }

  /**
   * Adds a private key of another installation as the next version.
   * @throws {ServiceError} `invalid` if it is unsuitable for this name
   */
  async import(call: Call, name: SigningKeyName, pem: string): Promise<SigningKey> {
    let privateKey: KeyObject
    try {
      privateKey = importSigningKey(name, pem, this.#settings.tokenAlgorithm)
    } catch (error) {
      throw new ServiceError('invalid', { message: (error as Error).message })
    }
    const versions = await this.#load()
    const { kid } = signingKey({ name, version: 0, algorithm: '', createdAt: 0 }, privateKey)
    const known = (versions.get(name) ?? []).find((key) => key.kid === kid)
    if (known) throw new ServiceError('duplicate', { message: `this key is ${name} version ${known.version} already` })
    const next = this.#nextVersion(versions, name)
    const key = await this.#add(name, next, privateKey, call)
    if (key.kid !== kid) throw new ServiceError('modified', { message: `${name} was rotated meanwhile, try again` })
    return key
  }

  /**
   * Retires a version: nothing that it signed is trusted any longer, on other servers within a second.
   * @throws {ServiceError} `signing_key_not_found`; `signing_key_in_use` if it still signs or, for the FSK, if rows are still signed by it
   */
  async retire(call: Call, name: SigningKeyName, version: number): Promise<SigningKey> {
    const { storage, runtime } = this.#services
    const refusal = (message: string) => new ServiceError('signing_key_in_use', { message })
    const needed = () =>
      refusal(`${name} version ${version} signs, or is the newest: make the next one first, with signing-keys rotate ${name}`)
    const missing = () => new ServiceError('signing_key_not_found', { message: `there is no ${name} version ${version}` })
    const versions = await this.#load()
    const [newest, ...others] = versions.get(name) ?? []
    const key = others.find((each) => each.version === version)
    if (newest?.version === version || (key && key === this.#newest(versions, name))) throw needed()
    if (!key) throw missing()
    const at = runtime.now()
    if (name === 'FSK' && at - newest!.createdAt < SETTLED_MS)
      throw refusal(
        `FSK version ${newest!.version} is so new that other servers may still sign rows with an older one: try again in 10 seconds`,
      )
    const audit = changeRecord(call, name, at, { version, algorithm: key.algorithm, kid: key.kid })
    const outcome = await storage.retireSigningKey({ name, version, at, audit })
    this.#forget()
    if (outcome === 'newest') throw needed()
    if (outcome === 'missing') throw missing()
    if (outcome === 'used')
      throw refusal(`rows are still signed by FSK version ${version}: they are being re-signed, try again in a minute`)
    return key
  }

  /** Reads the stored keys again, also for callers that ask while an older read is under way. */
  #forget(): void {
    this.#versions = undefined
    this.#loading = undefined
  }

  #algorithm(name: SigningKeyName): SignatureAlgorithm {
    return { NSK: NONCE_ALGORITHM, FSK: ROW_ALGORITHM, TSK: this.#settings.tokenAlgorithm }[name]
  }

  #newest(versions: Versions, name: SigningKeyName): SigningKey | undefined {
    return versions.get(name)?.find((key) => fits(key.privateKey, this.#algorithm(name)))
  }

  #nextVersion(versions: Versions, name: SigningKeyName): number {
    const next = (versions.get(name)?.[0]?.version ?? 0) + 1
    if (next > MAX_VERSIONS) throw new ServiceError('limit_reached', { message: `${name} has ${MAX_VERSIONS} versions already` })
    return next
  }

  /** The stored keys, including all required ones; shared by all waiting callers. */
  async #complete(): Promise<Versions> {
    const versions = await this.#load()
    if (SIGNING_KEY_NAMES.every((name) => this.#newest(versions, name))) return versions
    this.#making ??= this.#make(versions).finally(() => (this.#making = undefined))
    return this.#making
  }

  async #make(versions: Versions): Promise<Versions> {
    const missing = SIGNING_KEY_NAMES.filter((name) => !this.#newest(versions, name))
    for (const name of missing) {
      const privateKey = await generateSigningKey(this.#algorithm(name))
      if (this.#stopped) throw new ServiceError('busy', { detail: 'the server stops' })
      await this.#add(name, this.#nextVersion(versions, name), privateKey, systemCall('CreateSigningKey'))
    }
    return this.#load()
  }

  async #add(name: SigningKeyName, version: number, privateKey: KeyObject, call: Call): Promise<SigningKey> {
    const { storage, envelope, runtime } = this.#services
    const algorithm = algorithmName(privateKey)
    const der = privateKey.export({ format: 'der', type: 'pkcs8' })
    const facts = { name, version, algorithm, createdAt: runtime.now() }
    const { blob, domainVersion } = envelope.seal('signing-key', signingKeyIdentity(facts), der)
    der.fill(0)
    const row = { ...facts, sealed: blob, domainVersion }
    const audit = changeRecord(call, name, row.createdAt, { version, algorithm })
    await storage.insertSigningKey({ row, audit })
    this.#forget()
    const key = (await this.all(name)).find((each) => each.version === version)
    if (!key) throw new ServiceError('internal', { detail: `${name} version ${version} was stored, and is not there` })
    return key
  }

  async #load(): Promise<Versions> {
    if (this.#versions && this.#services.feed.fresh) return this.#versions
    const loading = (this.#loading ??= this.#read())
    try {
      const versions = await loading
      // A change during the read has replaced it.
      if (this.#loading === loading) this.#versions = versions
      return versions
    } finally {
      if (this.#loading === loading) this.#loading = undefined
    }
  }

  async #read(): Promise<Versions> {
    const rows = await this.#services.storage.listSigningKeys()
    return new Map(
      SIGNING_KEY_NAMES.map((name) => [
        name,
        rows
          .filter((row): row is NamedRow => row.name === name)
          .map((row) => this.#open(row))
          .reverse(),
      ]),
    )
  }

  #open(row: NamedRow): SigningKey {
    const place = `${row.name} ${row.version}`
    const known = this.#unsealed.get(place)
    if (known) return known
    const der = this.#services.envelope.open('signing-key', signingKeyIdentity(row), { blob: row.sealed, domainVersion: row.domainVersion })
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    der.fill(0)
    const { name, version, algorithm, createdAt } = row
    const key = signingKey({ name, version, algorithm, createdAt }, privateKey)
    this.#unsealed.set(place, key)
    return key
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await Promise.allSettled([this.#making, this.#loading])
  }
}

/** Where they are stored, sealed. */
export const SIGNING_KEY_COLUMN: SealedColumn<'signing_keys'> = { kind: 'signing-key', identity: signingKeyIdentity }

/** What identifies a signing key's blob. */
export function signingKeyIdentity({
  name,
  version,
  algorithm,
  createdAt,
}: Pick<SigningKeyRow, 'name' | 'version' | 'algorithm' | 'createdAt'>): string[] {
  return [name, String(version), algorithm, String(createdAt)]
}
