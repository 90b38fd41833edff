// The storage port: every operation there is, the same on both databases. A write is one transaction and is durable when its promise
// resolves; when it rejects with anything but `unavailable`, nothing of it was stored. Strings are bounded by the caller and hold no
// U+0000, which PostgreSQL cannot store. `audit` is stored in the same transaction, and only when the operation took effect.
import type { MessagePort } from 'node:worker_threads'
import type { AlteredRow } from './error.ts'
import type { ApiKeyOperations, AppOperations } from './ports/apps.ts'
import type { AttestationKeyOperations } from './ports/attestation-keys.ts'
import type { BaselineOperations } from './ports/baselines.ts'
import type { CertificateOperations, CrlOperations } from './ports/certificates.ts'
import type { ChangeOperations } from './ports/changes.ts'
import type { DomainKeyOperations } from './ports/domain-keys.ts'
import type { EnrollTokenOperations } from './ports/enroll-tokens.ts'
import type { ImportOperations } from './ports/imports.ts'
import type { KeyOperations } from './ports/keys.ts'
import type { ManifestOperations } from './ports/manifests.ts'
import type { MarkOperations } from './ports/marks.ts'
import type { PolicyOperations } from './ports/policies.ts'
import type { CollateralOperations, QuotePolicyOperations, SimulatedPkiOperations } from './ports/quotes.ts'
import type { ReplayOperations } from './ports/replay.ts'
import type { RawRow, RestoreOperations } from './ports/restore.ts'
import type { RowKeys } from './row-authenticator.ts'
import type { SecretRotationOperations } from './ports/secret-rotation.ts'
import type { RotationWebhookOperations, SecretDeletionOperations, SecretOperations } from './ports/secrets.ts'
import type { SignedRowOperations } from './ports/signed-rows.ts'
import type { SigningKeyOperations } from './ports/signing-keys.ts'
import type { AuditQueryOperations, TrailOperations } from './ports/trail.ts'
import type { NonceOperations, UserOperations } from './ports/users.ts'
import type { StoreState } from './store-state.ts'

export interface StorageOperations
  extends
    DomainKeyOperations,
    AppOperations,
    ApiKeyOperations,
    EnrollTokenOperations,
    KeyOperations,
    ImportOperations,
    ReplayOperations,
    ChangeOperations,
    TrailOperations,
    AuditQueryOperations,
    MarkOperations,
    ManifestOperations,
    RestoreOperations,
    SecretOperations,
    SecretDeletionOperations,
    SecretRotationOperations,
    RotationWebhookOperations,
    UserOperations,
    SigningKeyOperations,
    NonceOperations,
    CertificateOperations,
    CrlOperations,
    SignedRowOperations,
    PolicyOperations,
    BaselineOperations,
    AttestationKeyOperations,
    QuotePolicyOperations,
    CollateralOperations,
    SimulatedPkiOperations {}

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
  /** Begins the names under which this process numbers its entries of the trail: a UUID, a new one each time the store is opened. */
  readonly process: string
  /**
   * Hands in the keys that authenticate rows, for every operation that begins from now on. Until then operations on tables whose rows have MACs
   * reject with `internal`.
   */
  authenticateWith(keys: RowKeys): void
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
  /** What other threads of this process also see of the store. */
  readonly state: StoreState
  /**
   * What another thread opens the store with (see openLinkedStorage). It is for a `postMessage`, with its `transfer` in the list; the thread must
   * have ended before this storage is disposed of.
   * @param threads how many such threads there are in all
   */
  link(threads: number): { link: StorageLink; transfer: MessagePort[] }
}

/** A store that another thread of the process has opened, to be opened on one more thread. */
export type StorageLink = { process: string; state: SharedArrayBuffer } & (
  { kind: 'sqlite'; path: string; writer: MessagePort } | { kind: 'postgres'; url: string; poolSize: number }
)

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
  /** Told of each altered row that an operation met: it was left out of a list, or made the operation reject. */
  onAltered?: (row: AlteredRow) => void
  /** PostgreSQL connections for operations, 10 if not given. */
  poolSize?: number
}
