// The storage port: every operation there is, the same on both databases. A write is one transaction and is durable when its promise
// resolves; when it rejects with anything but `unavailable`, nothing of it was stored. Strings are bounded by the caller and hold no
// U+0000, which PostgreSQL cannot store. `audit` is stored in the same transaction, and only when the operation took effect.
import type {
  ApiKeyRow,
  AppRow,
  AuditRow,
  ChangeRow,
  Fence,
  ImportSessionRow,
  KeyRow,
  KeyStatistics,
  KeySummary,
  ReplayRecord,
  ServerRow,
  StoredAuditRow,
} from './rows.ts'
import type { AuthorityPort } from './authority-port.ts'
import type { AttestationKeyPort } from './attestation-key-port.ts'
import type { CertificatePort } from './certificate-port.ts'
import type { PolicyPort } from './policy-port.ts'
import type { QuotePort } from './quote-port.ts'
import type { OperatorPort, RawRow } from './operator-port.ts'
import type { SecretPort } from './secret-port.ts'

/** A place in a list of keys: the last row of the page before, or null for the first page. */
export type KeyPosition = { createdAt: number; id: string } | null

export interface AppOperations {
  /**
   * Stores an app with its first API key and its hidden default key; `limit` bounds the count of apps, exactly, over all servers. With
   * `tokenHash`, it uses up that enrolment token, once over all servers, and the audit names it; `token` when there is none that can be used.
   */
  insertApp(args: {
    app: AppRow
    apiKey: ApiKeyRow
    defaultKey: KeyRow
    limit: number
    tokenHash?: Uint8Array
    audit: AuditRow | null
  }): Promise<'created' | 'limit' | 'token'>
  /** An app and all of its API keys, oldest first (by creation, then id), expired ones included. */
  findApp(args: { id: string }): Promise<{ app: AppRow; apiKeys: ApiKeyRow[] } | null>
  /** False when there is no such app. Announced as a change. */
  updateApp(args: {
    id: string
    set: Partial<Pick<AppRow, 'enabled' | 'strictSignature' | 'acceptUpperCase'>>
    at: number
    audit: AuditRow | null
  }): Promise<boolean>
  /** Apps by ascending id, those after `after`. */
  listApps(args: { after: string | null; limit: number }): Promise<AppRow[]>
  countApps(): Promise<number>
}

/** Where an operation names an app, it sees only that app's keys that are neither deleted nor the app's hidden default key. */
export interface KeyOperations {
  /**
   * `limit` bounds the app's keys, deleted and default ones left out, exactly, over all servers. Twice as many may be pending deletion,
   * so that creating and deleting in turn can't fill the store. The app must exist.
   */
  insertKey(args: { key: KeyRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /** Any key, deleted and default ones included: the caller decides who may see it. */
  findKey(args: { id: string }): Promise<KeyRow | null>
  /** The app's keys, oldest first (by creation, then id). On SQLite a page costs the calling thread about 4 µs a key. */
  listKeys(args: { appId: string; after: KeyPosition; limit: number }): Promise<KeySummary[]>
  /** Keys pending deletion, of one app or of all, oldest first (by creation, then id). */
  listDeletedKeys(args: { appId: string | null; after: KeyPosition; limit: number }): Promise<KeySummary[]>
  /** False when the app has no such key; true also when the key was in that state already. Announced as a change. */
  setKeyEnabled(args: { appId: string; id: string; enabled: boolean; at: number; audit: AuditRow | null }): Promise<boolean>
  /** False when the app has no such key. Announced as a change. */
  updateKey(args: {
    appId: string
    id: string
    set: { alias?: string; expiresAt?: number | null }
    at: number
    audit: AuditRow | null
  }): Promise<boolean>
  /**
   * Marks the app's key `id`, or all of its keys, as deleted and gives their ids in ascending order. With `destroyAt` at or before
   * `deletedAt` the rows are removed at once; keys that secrets use are kept until `keepUsedUntil`, if that is given. Each key has its own
   * audit row (`object` is its id), and is announced as a change.
   */
  deleteKeys(args: {
    appId: string
    id: string | null
    deletedAt: number
    destroyAt: number
    keepUsedUntil?: number
    audit: AuditRow | null
  }): Promise<string[]>
  /** Brings a deleted key that still exists back, disabled; null when there is none. Announced as a change. */
  restoreKey(args: { id: string; appId: string | null; at: number; audit: AuditRow | null }): Promise<KeyRow | null>
  /**
   * Removes at most `limit` deleted keys whose time has come, with their import sessions, and gives their ids in ascending order.
   * Over several servers each key is given once. Each key has its own audit row (`object` is its id).
   */
  destroyDueKeys(args: { now: number; limit: number; audit: AuditRow | null }): Promise<string[]>
  /** Adds to the keys' counts of encryptions; keys that no longer exist are passed over. */
  addEncryptions(args: { counts: [keyId: string, n: number][] }): Promise<void>
  keyStatistics(args: { now: number; soon: number }): Promise<KeyStatistics>
}

export interface ImportOperations {
  /**
   * Opens an import, replacing an earlier one of that key. `missing` unless the key is the app's own, external, neither deleted nor
   * default; `imported` when it has its material already.
   */
  putImportSession(args: { session: ImportSessionRow; audit: AuditRow | null }): Promise<'stored' | 'missing' | 'imported'>
  findImportSession(args: { keyId: string }): Promise<ImportSessionRow | null>
  /**
   * Gives the key its material and closes the import; of several at once, one wins. `missing` as above; `token` when the key's open
   * import has another token, has expired by `at`, or does not exist. Announced as a change.
   */
  completeImport(args: {
    appId: string
    keyId: string
    tokenId: string
    material: Uint8Array
    domainVersion: number
    at: number
    audit: AuditRow | null
  }): Promise<'imported' | 'missing' | 'token'>
  /** Removes the imports whose `expiresAt` is at or before `now`; gives how many. */
  deleteExpiredImportSessions(args: { now: number }): Promise<number>
}

/**
 * The durable part of the replay guard. A server that is alone keeps accepted stamps in memory and accepts one only at or below its
 * durable fence. A server that registers raises the epoch and reads every fence in the same transaction, and refuses stamps at or
 * below them; the first one learns of the epoch when it next raises a fence. From then on each inserts what it accepts here.
 */
export interface ReplayOperations {
  /** Enters a server with beat 0 and raises the epoch. `peers` are the other servers by id, `newestRecord` the largest stamp recorded. */
  registerServer(args: {
    id: string
    at: number
  }): Promise<{ epoch: number; peers: ServerRow[]; fences: Fence[]; newestRecord: number | null }>
  /**
   * Adds one to the server's beat, if it is registered, and notes the revision of the domain keys that it works with. `servers` are all
   * that are, by id, this one included.
   */
  heartbeat(args: { id: string; domainRevision?: number }): Promise<{ registered: boolean; epoch: number; servers: ServerRow[] }>
  /** Removes a server that has not beaten since, and raises the epoch; false when it has, or is not there. */
  expelServer(args: { id: string; beat: number }): Promise<boolean>
  /** Removes a server that stops. If it was registered, and alone, these fences are set exactly, even to a lower stamp. */
  unregisterServer(args: { id: string; fences: Fence[] }): Promise<void>
  /** Sets each fence to the larger of the old and the new stamp. Refused when the server is not registered or the epoch has moved. */
  raiseFences(args: { serverId: string; epoch: number; fences: Fence[] }): Promise<'ok' | 'epoch' | 'expelled'>
  /** Records accepted requests; per record, in order, whether it is new. Refused when the server is not registered. */
  insertReplayRecords(args: { serverId: string; records: ReplayRecord[] }): Promise<'expelled' | boolean[]>
  /** Removes at most `limit` records with a stamp smaller than `before`; gives how many. */
  purgeReplayRecords(args: { before: number; limit: number }): Promise<number>
}

/** What other servers' caches must know. The order of `seq` is the order of the commits, and no number is given twice. */
export interface ChangeOperations {
  readChanges(args: { after: number; limit: number }): Promise<ChangeRow[]>
  /** The newest change's `seq`, 0 before the first; pruning does not lower it. */
  latestChange(): Promise<number>
  /** Removes changes older than `before`; gives how many. */
  pruneChanges(args: { before: number }): Promise<number>
}

export interface AuditOperations {
  appendAudit(args: { rows: AuditRow[] }): Promise<void>
  /**
   * Audit rows by ascending `seq`, those after `after`. On PostgreSQL a transaction that commits late may show a row with a smaller
   * `seq` than one already seen: who follows the trail must look back a few seconds.
   */
  listAudit(args: { after: number; limit: number }): Promise<StoredAuditRow[]>
}

export interface StorageOperations
  extends
    OperatorPort,
    AppOperations,
    KeyOperations,
    ImportOperations,
    ReplayOperations,
    ChangeOperations,
    AuditOperations,
    SecretPort,
    AuthorityPort,
    CertificatePort,
    PolicyPort,
    AttestationKeyPort,
    QuotePort {}

/** A consistent view of the store at one moment. */
export interface Snapshot extends AsyncDisposable {
  /** The newest migration. */
  readonly schemaVersion: number
  /** All rows of a table, in no order, some hundred at a time. */
  rows(table: string): AsyncIterable<RawRow[]>
  /** How many rows it has. */
  count(table: string): Promise<number>
}

export interface StorageControl extends AsyncDisposable {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * Runs `fn` while holding the store's initialisation lock, which migrations hold too: one holder over all processes. Rejects with
   * `unavailable` when the lock was not to be had for a minute, or was lost before `fn` ended. Not reentrant.
   */
  withInitLock<T>(fn: () => Promise<T>): Promise<T>
  /**
   * Calls `listener` soon after this or another process committed a change, and whenever changes may have been missed. Best effort:
   * PostgreSQL by LISTEN, SQLite by a look at `PRAGMA data_version` every 250 ms.
   */
  onChange(listener: () => void): void
  /** A view of the tables as they are now, whatever is written meanwhile. Keep it for no longer than needed. */
  openSnapshot(): Promise<Snapshot>
  /** Resolves when the store answers now, rejects with a StorageError when it does not. */
  ping(): Promise<void>
}

export type Storage = StorageOperations & StorageControl

export interface StorageOptions {
  /** Where the SQLite database and its lock files live; made with mode 0700 when absent. */
  dataDir: string
  /** A `postgres://` URL; without one the store is SQLite. */
  databaseUrl?: string
  /** Servers share a store; an operator command has it alone. */
  role: 'server' | 'operator'
  /** Told of each operation when it ends; `seconds` includes its waiting. */
  observe?: (operation: string, seconds: number, ok: boolean) => void
  /** PostgreSQL connections for operations, 10 if not given. */
  poolSize?: number
}
