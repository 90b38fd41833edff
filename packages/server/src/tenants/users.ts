/**
 * Users: the tenants of the attestation authority, and the credentials (API keys and TLS client certificates) that identify them.
 *
 * Invariants: an API key leaves the server once, when it is made; the store has its SHA-256 only, which suffices for a key of 190 random
 * bits: a slow hash would add nothing against guessing. A credential's row is sealed, so that someone with write access to the database
 * cannot forge one, or change its rights.
 */
import type { Call } from '../access/index.ts'
import { changeRecord, effectRecord } from '../trail/index.ts'
import { createHash } from 'node:crypto'
import type { ChangeFeed, Storage, UserCredentialRow, UserRole } from '../storage/index.ts'
import { ReadThroughCache, ServiceError, invalid, pages, type Runtime } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import type { Envelope, SealedColumn } from '../envelope/index.ts'
import { generateUserKey } from './api-key.ts'

const MAX_CACHED = 20_000
const MAX_CREDENTIALS = 1_000
const PAGE = 1_000
/** How long a replaced API key still works: a lost response must not lock anyone out. */
const OVERLAP_MS = 60 * 60 * 1000
const API_KEY = /^[0-9A-Za-z]{32}$/
const USER_ID = /^[\x20-\x7e]{1,36}$/
const MAX_LABEL = 255

/** The owner of a credential, and its rights. */
export interface Identity {
  user: string
  role: UserRole
  nodeId: string | undefined
  credential: { id: string; fingerprint: Uint8Array }
}

/** An operator's settings for a new credential. */
export interface CredentialRequest {
  user: string
  role: UserRole
  /** Pins an attester to one node. */
  nodeId?: string | undefined
  label?: string | undefined
  /** Milliseconds since 1970. */
  expiresAt?: number | undefined
}

/** Whether a text may name a user: 1 to 36 printable ASCII characters, no surrounding blanks. */
export function isUserId(text: string): boolean {
  return USER_ID.test(text) && text.trim() === text
}

export class Users {
  readonly #storage: Storage
  readonly #envelope: Envelope
  readonly #runtime: Runtime
  /** Keyed by fingerprint in hex. Unknown credentials are not cached. */
  readonly #cache: ReadThroughCache<UserCredentialRow | undefined>

  constructor(services: { storage: Storage; envelope: Envelope; runtime: Runtime; feed: ChangeFeed }) {
    this.#storage = services.storage
    this.#envelope = services.envelope
    this.#runtime = services.runtime
    const { feed } = services
    this.#cache = new ReadThroughCache({ feed, read: (place) => this.#read(Buffer.from(place, 'hex')), bound: { max: MAX_CACHED } })
    // Changes are rare: a revocation, a replacement. Forgetting all of them is simplest.
    const forget = () => this.#cache.forgetAll()
    feed.subscribe({ changed: (kind) => kind === 'user' && forget(), reset: forget })
  }

  /** The owner of an API key; undefined if the key is unknown, has expired or was altered in the store. */
  async byApiKey(apiKey: string): Promise<Identity | undefined> {
    return API_KEY.test(apiKey) ? this.#identify('api-key', createHash('sha256').update(apiKey).digest()) : undefined
  }

  /** The owner of a TLS client certificate, by the SHA-256 of its DER. The caller has checked its chain. */
  async byCertificate(fingerprint: Uint8Array): Promise<Identity | undefined> {
    return this.#identify('certificate', fingerprint)
  }

  /**
   * Creates a user with an owner's API key.
   * @throws {ServiceError} `enroll_limit` if there are `limit` users already
   */
  async register(call: Call, limit: number): Promise<{ user: string; apiKey: string }> {
    const user = this.#runtime.uuid()
    const { apiKey, credential } = this.#newApiKey({ user, role: 'owner' })
    const audit = changeRecord(call, user, credential.createdAt, { credential: credential.id })
    if ((await this.#storage.insertUser({ credential, limit, audit })) === 'limit') throw new ServiceError('enroll_limit')
    return { user, apiKey }
  }

  /**
   * Creates a new API key for the caller, like the one it presented, which works for another hour.
   * @throws {ServiceError} `user_unidentified` if that one is gone
   */
  async replaceApiKey(call: Call, { credential: shown }: Identity): Promise<{ user: string; apiKey: string }> {
    const old = await this.#storage.findUserCredential({ fingerprint: shown.fingerprint })
    const term = old && this.#termOf(old)
    if (!old || term === undefined) throw new ServiceError('user_unidentified')
    if (old.kind !== 'api-key') throw new ServiceError('api_key_required')
    const { userId: user, role, nodeId, label } = old
    const request = { user, role, nodeId: nodeId ?? undefined, label, expiresAt: term ?? undefined }
    const { apiKey, credential } = this.#newApiKey(request, old.id)
    const ends = credential.createdAt + OVERLAP_MS
    const expiresAt = old.expiresAt === null ? ends : Math.min(old.expiresAt, ends)
    const sealed = this.#sealOf({ ...old, expiresAt }, term)
    await this.#insert(credential, call, { id: old.id, expiresAt, ...sealed })
    return { user: old.userId, apiKey }
  }

  /** Creates an API key on behalf of an operator; it is shown only once. */
  async createApiKey(call: Call, request: CredentialRequest): Promise<{ credential: UserCredentialRow; apiKey: string }> {
    checkRequest(request)
    const made = this.#newApiKey(request)
    await this.#insert(made.credential, call, null)
    return made
  }

  /** Lets a TLS client certificate act for a user. */
  async admitCertificate(call: Call, fingerprint: Uint8Array, request: CredentialRequest): Promise<UserCredentialRow> {
    checkRequest(request)
    const credential = this.#newCredential('certificate', fingerprint, request)
    await this.#insert(credential, call, null)
    return credential
  }

  /** The credentials of a user, or of all, by id, a page at a time. */
  list(user: string | null): AsyncGenerator<UserCredentialRow[]> {
    return pages<UserCredentialRow>(PAGE, (last, limit) =>
      this.#storage.listUserCredentials({ userId: user, after: last?.id ?? null, limit }),
    )
  }

  /** Revokes a credential and the keys made from it at once, on other servers within a second; returns the ids of all of them. */
  async revoke(call: Call, id: string): Promise<string[]> {
    const at = this.#runtime.now()
    const revoked = await this.#storage.deleteUserCredential({ id, at, audit: changeRecord(call, id, at) })
    this.#cache.forgetAll()
    return revoked
  }

  async #identify(kind: UserCredentialRow['kind'], fingerprint: Uint8Array): Promise<Identity | undefined> {
    const row = await this.#cache.get(fingerprint.toHex())
    if (!row || row.kind !== kind || (row.expiresAt ?? Infinity) <= this.#runtime.now()) return undefined
    return { user: row.userId, role: row.role, nodeId: row.nodeId ?? undefined, credential: row }
  }

  /** Also undefined for one that was altered in the store. */
  async #read(fingerprint: Uint8Array): Promise<UserCredentialRow | undefined> {
    const row = await this.#storage.findUserCredential({ fingerprint })
    return row && this.#termOf(row) !== undefined ? row : undefined
  }

  async #insert(
    credential: UserCredentialRow,
    call: Call,
    replaces: Parameters<Storage['insertUserCredential']>[0]['replaces'],
  ): Promise<void> {
    const { id, userId, kind, role, nodeId, label, createdAt } = credential
    const detail = { user: userId, kind, role, nodeId, label, replaces: replaces?.id }
    const audit = replaces ? effectRecord(call, 'ReplaceApiKey', id, createdAt, detail) : changeRecord(call, id, createdAt, detail)
    switch (await this.#storage.insertUserCredential({ credential, limit: MAX_CREDENTIALS, replaces, audit })) {
      case 'limit':
        throw new ServiceError('limit_reached', { message: `user ${userId} has ${MAX_CREDENTIALS} credentials already: revoke some` })
      case 'exists':
        throw new ServiceError('duplicate', { message: 'this certificate has been admitted already' })
      case 'missing':
        throw new ServiceError('user_unidentified')
    }
    this.#cache.forgetAll()
  }

  #newApiKey(request: CredentialRequest, madeFrom: string | null = null): { credential: UserCredentialRow; apiKey: string } {
    const apiKey = generateUserKey(this.#runtime)
    const fingerprint = createHash('sha256').update(apiKey).digest()
    return { credential: this.#newCredential('api-key', fingerprint, request, madeFrom), apiKey }
  }

  #newCredential(
    kind: UserCredentialRow['kind'],
    fingerprint: Uint8Array,
    request: CredentialRequest,
    madeFrom: string | null = null,
  ): UserCredentialRow {
    const facts = {
      id: this.#runtime.uuid(),
      userId: request.user,
      kind,
      fingerprint,
      role: request.role,
      nodeId: request.nodeId ?? null,
      madeFrom,
      label: request.label ?? '',
      createdAt: this.#runtime.now(),
      expiresAt: request.expiresAt ?? null,
    }
    return { ...facts, ...this.#sealOf(facts, facts.expiresAt) }
  }

  /** @param term see {@link #termOf} */
  #sealOf(
    facts: Omit<UserCredentialRow, 'seal' | 'domainVersion'>,
    term: number | null,
  ): Pick<UserCredentialRow, 'seal' | 'domainVersion'> {
    const { blob, domainVersion } = this.#envelope.seal(
      'user-credential',
      sealedFacts(facts),
      Buffer.from(term === null ? '' : String(term)),
    )
    return { seal: blob, domainVersion }
  }

  /**
   * When a credential expires by the operator's decision, with every key that replaces it, milliseconds since 1970; null for never. A key
   * that was replaced expires earlier. Undefined for an altered row.
   */
  #termOf(row: UserCredentialRow): number | null | undefined {
    try {
      const term = this.#envelope.open('user-credential', sealedFacts(row), { blob: row.seal, domainVersion: row.domainVersion })
      return term.length === 0 ? null : Number(term.toString())
    } catch (error) {
      if (error instanceof SealError) return undefined
      throw error
    }
  }
}

/** Where they lie sealed. */
export const USER_COLUMN: SealedColumn<'user_credentials'> = { kind: 'user-credential', identity: sealedFacts }

/** All fields of a credential; the label is for people. */
function sealedFacts(row: Omit<UserCredentialRow, 'seal' | 'domainVersion'>): (string | null)[] {
  const { id, userId, kind, fingerprint, role, nodeId, madeFrom, expiresAt } = row
  const facts = [id, userId, kind, fingerprint.toHex(), role, nodeId, expiresAt === null ? null : String(expiresAt)]
  // Omitted if there is none: rows older than this column keep their seals.
  return madeFrom === null ? facts : [...facts, madeFrom]
}

function checkRequest({ user, role, nodeId, label = '' }: CredentialRequest): void {
  if (!isUserId(user)) throw invalid('user', 'must be 1 to 36 printable ASCII characters')
  if (nodeId !== undefined && role !== 'attester') throw invalid('nodeId', 'is for attesters only')
  if (nodeId !== undefined && (nodeId.length < 1 || nodeId.length > 255 || nodeId.includes('\0')))
    throw invalid('nodeId', 'must be 1 to 255 characters')
  if (label.length > MAX_LABEL || label.includes('\0')) throw invalid('label', `must be at most ${MAX_LABEL} characters`)
}
