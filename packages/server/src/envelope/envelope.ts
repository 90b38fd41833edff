/**
 * Wrapping at rest: root key (from its store, see root-key/) → domain key (versioned, in the store) → every blob.
 *
 * Invariants: a blob is AES-256-GCM with the identity of its row as additional data, so blobs can't be swapped between rows or kinds; a
 * domain key is checked against its key check value before it is used, so a wrong root key never gets as far as a blob.
 *
 * Domain keys change while servers run: a new one is stored, every server loads it ({@link Envelope.refresh}, triggered by the change feed)
 * and says so with its heartbeat ({@link Envelope.revision}); only then is it made active and used to seal. See domain-key-rotation.ts.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Runtime } from '../foundation/index.ts'
import type { DomainKeyRow, Storage } from '../storage/index.ts'
import { SealError, unwrap, wrap, type RootKey, type RootKeyStore } from '../root-key/index.ts'
import { domainKeyMac, newDomainKey, rowKey, unwrapDomainKey, verifyDomainKey } from './domain-key.ts'

/** How long a retired domain key is kept for blobs that were read from the store before. */
const RETIRED_MS = 60_000

/** A sealed value and the domain key that sealed it, as a row keeps them. */
export interface SealedBlob {
  blob: Buffer
  domainVersion: number
}

/** The kind of row that a blob belongs to; part of its additional data. */
export type BlobKind =
  | 'api-key'
  | 'key'
  | 'import-wrapping-key'
  | 'secret-key'
  | 'secret-value'
  | 'webhook-key'
  | 'user-credential'
  | 'signing-key'
  | 'ak-authority'
  | 'ak-enrolment'
  | 'simulated-pki'

/** What identifies a blob's row: its id, owner and every attribute that must not change under it. */
export type Identity = readonly (string | null)[]

/** Where an envelope has root keys from. */
export type RootKeySource = Pick<RootKeyStore, 'load' | 'describe'>

export class Envelope {
  readonly #storage: Storage
  readonly #rootKeys: RootKeySource
  readonly #runtime: Runtime
  readonly #domainKeys = new Map<number, { key: KeyObject; rowKey: KeyObject; checkValue: string }>()
  #root: RootKey
  #current = 0
  #revision = 0
  #refreshing: Promise<void> | undefined
  #again = false
  /** The store's domain keys are no longer those that this envelope started with. */
  #replaced = false
  #report: (revision: number) => void = () => {}
  /** The last {@link refresh} failed. */
  #behind = false

  /** Use {@link openEnvelope}. */
  constructor(services: { storage: Storage; rootKeys: RootKeySource; runtime: Runtime }, root: RootKey) {
    this.#storage = services.storage
    this.#rootKeys = services.rootKeys
    this.#runtime = services.runtime
    this.#root = root
  }

  /** The version of the domain key that seals. */
  get current(): number {
    return this.#current
  }

  /** The root key in use, for an envelope on another thread of this process. */
  get root(): RootKey {
    return this.#root
  }

  /** The revision of the store's domain keys that this envelope works with. */
  get revision(): number {
    return this.#revision
  }

  /** Tells `report` the revision now, and whenever it changes. */
  reportRevision(report: (revision: number) => void): void {
    this.#report = report
    report(this.#revision)
  }

  /** Whether it can seal and open, as far as it knows: it holds the store's domain keys. */
  get usable(): boolean {
    return !this.#replaced && !this.#behind && this.#domainKeys.has(this.#current)
  }

  /** Seals `plaintext` for the row that `identity` names. */
  seal(kind: BlobKind, identity: Identity, plaintext: Uint8Array): SealedBlob {
    const key = this.#key(this.#current)
    if (!key) throw new SealError(`domain key ${this.#current} is gone`)
    return { blob: wrap(key, additionalData(kind, this.#current, identity), plaintext, this.#runtime), domainVersion: this.#current }
  }

  /**
   * Opens what {@link seal} made for the same row. The caller zeroes the result.
   * @throws {SealError} if the blob isn't this row's, was altered, or its domain key is gone
   */
  open(kind: BlobKind, identity: Identity, sealed: { blob: Uint8Array; domainVersion: number }): Buffer {
    const key = this.#key(sealed.domainVersion)
    if (!key) throw new SealError(`a ${kind} blob needs domain key ${sealed.domainVersion}, which this store does not hold`)
    const plaintext = unwrap(key, additionalData(kind, sealed.domainVersion, identity), sealed.blob)
    if (!plaintext) throw new SealError(`a ${kind} blob does not belong to its row or was altered`)
    return plaintext
  }

  /**
   * The same content, resealed under the current domain key.
   * @throws {SealError} as {@link open}
   */
  rewrap(kind: BlobKind, identity: Identity, sealed: { blob: Uint8Array; domainVersion: number }): SealedBlob {
    const plaintext = this.open(kind, identity, sealed)
    try {
      return this.seal(kind, identity, plaintext)
    } finally {
      plaintext.fill(0)
    }
  }

  #key(version: number): KeyObject | undefined {
    return this.#domainKeys.get(version)?.key
  }

  /** Loads the current domain keys from the store; a call during a refresh makes it look once more. */
  refresh(): Promise<void> {
    this.#again = true
    this.#refreshing ??= this.#read()
      .catch((error: unknown) => {
        this.#behind = true
        throw error
      })
      .finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** Resolves when no {@link refresh} is under way. */
  async idle(): Promise<void> {
    await this.#refreshing?.catch(() => {})
  }

  async #read(): Promise<void> {
    while (this.#again) {
      this.#again = false
      const revision = await this.#storage.domainKeyRevision()
      await this.take(await this.#storage.listDomainKeys())
      this.#revision = revision
      this.#behind = false
      this.#report(revision)
    }
  }

  /**
   * Unwraps the domain keys among `rows` that are new here; forgets, after a while, those not among them. A different key under a known
   * version means that a backup was restored while this server had lost the store: it neither seals nor opens from then on, since no one
   * could open what it sealed.
   */
  async take(rows: readonly DomainKeyRow[]): Promise<void> {
    this.#replaced ||= rows.some(({ version, checkValue }) => (this.#domainKeys.get(version)?.checkValue ?? checkValue) !== checkValue)
    if (this.#replaced) {
      this.#domainKeys.clear()
      this.#handInRowKeys()
      throw new SealError('the store has other domain keys than when this server opened it, as after a restore: start the server again')
    }
    for (const row of rows) {
      const known = this.#key(row.version)
      if (known) {
        verifyDomainKey(known, row)
        continue
      }
      const bytes = unwrapDomainKey(await this.rootKey(row.rootKeyId), row, this.#rootKeys.describe())
      const key = createSecretKey(bytes)
      bytes.fill(0)
      verifyDomainKey(key, row)
      this.#domainKeys.set(row.version, { key, rowKey: rowKey(key), checkValue: row.checkValue })
    }
    const active = rows.filter((row) => row.active).map(({ version }) => version)
    if (active.length === 0) throw new SealError('no domain key of this store may seal: its row was altered, or deleted')
    this.#current = Math.max(...active)
    for (const version of this.#domainKeys.keys()) {
      if (rows.some((row) => row.version === version)) continue
      setTimeout(() => {
        this.#domainKeys.delete(version)
        this.#handInRowKeys()
      }, RETIRED_MS).unref()
    }
    this.#handInRowKeys()
  }

  #handInRowKeys(): void {
    const keys = [...this.#domainKeys].map(([version, { rowKey: key }]) => ({ version, key }))
    this.#storage.authenticateWith({ current: this.#current, keys })
  }

  /**
   * The MAC of a domain key's row once it may seal.
   * @throws {SealError} for a key that this envelope doesn't have
   */
  activationMac(row: DomainKeyRow): Uint8Array {
    const key = this.#key(row.version)
    if (!key) throw new SealError(`domain key ${row.version} is not in this store`)
    return domainKeyMac(key, { ...row, active: true })
  }

  /**
   * The root key with this id: the one in memory, or the one from its store if another server has rotated it.
   * @throws {SealError}
   */
  async rootKey(id: string): Promise<RootKey> {
    if (this.#root.id !== id) this.#root = (await this.#rootKeys.load(id)) ?? missing(this.#rootKeys)
    return this.#root
  }

  /** Adopts another root key for the domain keys: the result of a rotation, so that it need not be supplied again. */
  replaceRootKey(root: RootKey): void {
    this.#root = root
  }

  /** The domain key's bytes, for a backup; the caller zeroes them. */
  exportDomainKey(version: number): Buffer {
    const key = this.#key(version)
    if (!key) throw new SealError(`domain key ${version} is not in this store`)
    return key.export()
  }
}

/**
 * Unseals the store: loads the root key and unwraps the domain keys, or creates both for a store that holds none yet.
 * A key file is created only here, under the initialisation lock, and only if the store holds no domain key.
 * @throws {SealError} if the root key is missing, foreign or wrong
 */
export async function openEnvelope(storage: Storage, rootKeys: RootKeyStore, runtime: Runtime): Promise<Envelope> {
  const root = await storage.withInitLock(async () => {
    if (await storage.isRestoring()) throw new SealError("a restore into this store was not finished: run 'vouchsafe restore' again")
    const [existing] = await storage.listDomainKeys()
    if (!existing) {
      if (await storage.holdsProtectedRows()) {
        throw new SealError(
          'this store holds keys or other sealed rows, but none of its domain keys: they were deleted, or the store is not whole; nothing was changed: put a backup back',
        )
      }
      const made = (await rootKeys.load(null)) ?? (await rootKeys.create())
      const row = newDomainKey(made, 1, true, runtime)
      if (!(await storage.insertDomainKey({ row, at: row.createdAt, audit: null })))
        throw new SealError('another process is initialising this store')
      return made
    }
    const loaded = (await rootKeys.load(existing.rootKeyId)) ?? missing(rootKeys)
    // A rotation that was interrupted after its decisive step.
    await rootKeys.settle(loaded.id)
    return loaded
  })
  const envelope = new Envelope({ storage, rootKeys, runtime }, root)
  await envelope.refresh()
  return envelope
}

/**
 * The envelope of another thread of a process that has unsealed the store.
 * @param root the process's root key
 */
export async function openThreadEnvelope(storage: Storage, rootKeys: RootKeySource, root: RootKey, runtime: Runtime): Promise<Envelope> {
  const envelope = new Envelope({ storage, rootKeys, runtime }, root)
  await envelope.refresh()
  return envelope
}

function missing(rootKeys: RootKeySource): never {
  throw new SealError(
    `this store holds keys, but its root key ${rootKeys.describe()} is missing: put the file back; without it nothing can be opened`,
  )
}

/** JSON of the parts, so that no two identities give the same bytes. */
function additionalData(kind: BlobKind, version: number, identity: Identity): Buffer {
  return Buffer.from(JSON.stringify([kind, version, ...identity]))
}
