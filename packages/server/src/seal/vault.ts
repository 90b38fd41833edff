/**
 * Wrapping at rest: root key (from the seal) → domain key (versioned, in the store) → every blob.
 *
 * Invariants: a blob is AES-256-GCM with the identity of its row as additional data, so blobs can't be swapped between rows or kinds; a
 * domain key is checked against its key check value at start, so a wrong root key never gets as far as a blob.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Platform } from '../platform.ts'
import type { DomainKeyRow } from '../storage/index.ts'
import type { Storage } from '../storage/index.ts'
import { SealError, type RootKey, type Seal } from './seal.ts'

const BLOB_FORMAT = 1
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
/** Format byte, IV and tag around the ciphertext. */
const OVERHEAD = 1 + IV_BYTES + TAG_BYTES

/** A sealed value and the domain key that sealed it, as a row keeps them. */
export interface SealedBlob {
  blob: Buffer
  domainVersion: number
}

/** What kind of row a blob belongs to; part of its additional data. */
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

export class Vault {
  readonly #domainKeys: ReadonlyMap<number, KeyObject>
  readonly #current: number
  readonly #platform: Platform

  constructor(domainKeys: ReadonlyMap<number, KeyObject>, platform: Platform) {
    this.#domainKeys = domainKeys
    this.#current = Math.max(...domainKeys.keys())
    this.#platform = platform
  }

  /** Seals `plaintext` for the row that `identity` names (its id, owner and every attribute that must not change under it). */
  seal(kind: BlobKind, identity: readonly (string | null)[], plaintext: Uint8Array): SealedBlob {
    const key = this.#domainKeys.get(this.#current)!
    return { blob: wrap(key, additionalData(kind, this.#current, identity), plaintext, this.#platform), domainVersion: this.#current }
  }

  /**
   * Opens what {@link seal} made for the same row. The caller zeroes the result.
   * @throws {SealError} when the blob isn't this row's, was altered, or its domain key is gone
   */
  open(kind: BlobKind, identity: readonly (string | null)[], sealed: { blob: Uint8Array; domainVersion: number }): Buffer {
    const key = this.#domainKeys.get(sealed.domainVersion)
    if (!key) throw new SealError(`a ${kind} blob needs domain key ${sealed.domainVersion}, which this store does not hold`)
    const plaintext = unwrap(key, additionalData(kind, sealed.domainVersion, identity), sealed.blob)
    if (!plaintext) throw new SealError(`a ${kind} blob does not belong to its row or was altered`)
    return plaintext
  }
}

/**
 * Unseals the store: loads the root key and unwraps the domain keys, or makes both for a store that holds none yet.
 * A key file is created only here, under the initialisation lock, and only when the store holds no domain key.
 * @throws {SealError} when the root key is missing, foreign or wrong
 */
export async function openVault(storage: Storage, seal: Seal, platform: Platform): Promise<Vault> {
  const rows = await storage.withInitLock(async () => {
    const existing = await storage.listDomainKeys()
    if (existing.length > 0) return existing
    const root = (await seal.load()) ?? (await seal.create())
    const first = newDomainKey(root, 1, platform)
    if (!(await storage.insertDomainKey({ row: first }))) throw new SealError('another process is initialising this store')
    return [first]
  })
  const root = await seal.load()
  if (!root) {
    throw new SealError(
      `this store holds keys, but its root key ${seal.describe()} is missing: put the file back; without it nothing can be opened`,
    )
  }
  return new Vault(new Map(rows.map((row) => [row.version, unwrapDomainKey(root, row, seal)])), platform)
}

function newDomainKey(root: RootKey, version: number, platform: Platform): DomainKeyRow {
  const bytes = platform.randomBytes(KEY_BYTES)
  const wrapped = wrap(root.key, domainKeyIdentity(version), bytes, platform)
  const row = { version, rootKeyId: root.id, wrapped, checkValue: checkValue(createSecretKey(bytes)), createdAt: platform.now() }
  bytes.fill(0)
  return row
}

function unwrapDomainKey(root: RootKey, row: DomainKeyRow, seal: Seal): KeyObject {
  if (row.rootKeyId !== root.id) {
    throw new SealError(
      `the root key ${seal.describe()} has id ${root.id}, but this store is sealed by ${row.rootKeyId}: put the right file back`,
    )
  }
  const bytes = unwrap(root.key, domainKeyIdentity(row.version), row.wrapped)
  if (!bytes) throw new SealError(`the root key ${seal.describe()} does not open this store: it was altered, or the store was`)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  if (!timingSafeEqual(Buffer.from(checkValue(key)), Buffer.from(row.checkValue.padEnd(16).slice(0, 16)))) {
    throw new SealError(`domain key ${row.version} fails its key check value: the store was altered`)
  }
  return key
}

/** Key check value: the first 8 bytes of an HMAC under the key, in hex. */
function checkValue(key: KeyObject): string {
  return createHmac('sha256', key).update('vouchsafe domain key check value').digest('hex').slice(0, 16)
}

function domainKeyIdentity(version: number): Buffer {
  return Buffer.from(JSON.stringify(['domain-key', version]))
}

/** JSON of the parts, so that no two identities give the same bytes. */
function additionalData(kind: BlobKind, version: number, identity: readonly (string | null)[]): Buffer {
  return Buffer.from(JSON.stringify([kind, version, ...identity]))
}

function wrap(key: KeyObject, aad: Buffer, plaintext: Uint8Array, platform: Platform): Buffer {
  const iv = platform.randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
  return Buffer.concat([Buffer.of(BLOB_FORMAT), iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function unwrap(key: KeyObject, aad: Buffer, blob: Uint8Array): Buffer | undefined {
  if (blob.length < OVERHEAD || blob[0] !== BLOB_FORMAT) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES }).setAAD(aad)
  decipher.setAuthTag(blob.subarray(-TAG_BYTES))
  try {
    const plaintext = decipher.update(blob.subarray(1 + IV_BYTES, -TAG_BYTES))
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}
