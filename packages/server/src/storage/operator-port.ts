// The part of the storage port that operators need; what the port promises (port.ts) holds here too.
import type { ApiKeyRow, AuditRow, DomainKeyRow, EnrollTokenRow, EnrollTokenSummary, Fence, StoredAuditRow } from './rows.ts'
import type { SealedItem, SealedTableName } from './sealed-tables.ts'

export interface DomainKeyOperations {
  /** All domain keys by ascending version. */
  listDomainKeys(): Promise<DomainKeyRow[]>
  /** False when the version exists already; it is left as it was. This and every other change of the domain keys is announced. */
  insertDomainKey(args: { row: DomainKeyRow; at: number; audit: AuditRow | null }): Promise<boolean>
  /** Lets a domain key seal. False when there is no such key. */
  activateDomainKey(args: { version: number; at: number }): Promise<boolean>
  /** How often the domain keys have changed. Read it before the keys: they are then at least as new. */
  domainKeyRevision(): Promise<number>
  /** The servers that have not acknowledged this revision of the domain keys, by id. */
  serversBehind(args: { revision: number }): Promise<string[]>
  /** Puts all domain keys under another root key. False, with nothing changed, unless they are exactly these and all under `from`. */
  rewrapDomainKeys(args: {
    from: string
    to: string
    wrapped: { version: number; wrapped: Uint8Array }[]
    at: number
    audit: AuditRow | null
  }): Promise<boolean>
  /** Removes the domain keys below a version; `in_use`, with nothing changed, while a blob is under one of them. */
  retireDomainKeys(args: { below: number; at: number; audit: AuditRow | null }): Promise<'retired' | 'in_use'>
  /** How many blobs are under domain keys below a version. */
  countSealed(args: { below: number }): Promise<number>
  /** Blobs of one table under domain keys below a version, in the order of the table's key, those after `after`. */
  readSealed(args: { table: SealedTableName; below: number; after: SealedItem['key'] | null; limit: number }): Promise<SealedItem[]>
  /** Replaces blobs that are still as they were read; gives how many were. */
  replaceSealed(args: {
    table: SealedTableName
    items: { key: SealedItem['key']; was: Uint8Array; blob: Uint8Array; domainVersion: number }[]
  }): Promise<number>
}

export interface EnrollTokenOperations {
  /** `limit` bounds the tokens that can still be used. */
  insertEnrollToken(args: { token: EnrollTokenRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /** Newest first, used and expired ones included; those before `before`. */
  listEnrollTokens(args: { before: { createdAt: number; id: string } | null; limit: number }): Promise<EnrollTokenSummary[]>
  /** Removes a token that was not used; false when there is no such token. */
  deleteEnrollToken(args: { id: string; audit: AuditRow | null }): Promise<boolean>
  /** Removes the tokens, used or not, that expired at or before this; gives how many. */
  deleteExpiredEnrollTokens(args: { before: number }): Promise<number>
}

export interface ApiKeyOperations {
  /**
   * Gives an app a new API key; its others end at `othersUntil` at the latest, those that have ended by `at` are removed. `limit` bounds the
   * keys that are valid at once. Announced as a change.
   */
  rotateApiKey(args: {
    apiKey: ApiKeyRow
    othersUntil: number
    limit: number
    at: number
    audit: AuditRow | null
  }): Promise<'rotated' | 'missing' | 'limit'>
}

/** What an audit query asks for; what is left out is not asked for. Texts are whole values. */
export interface AuditFilter {
  actor?: string | undefined
  action?: string | undefined
  object?: string | undefined
  result?: string | undefined
  requestId?: string | undefined
  /** At or after. */
  since?: number | undefined
  /** Before. */
  until?: number | undefined
}

export interface AuditQueryOperations {
  /** Audit rows that match, newest first. */
  queryAudit(args: { filter: AuditFilter; limit: number }): Promise<StoredAuditRow[]>
}

/** A row of any table as it is stored. */
export type RawRow = Record<string, string | number | null | Uint8Array>

export interface RestoreOperations {
  /** Makes an empty store, or one whose restore was not finished, ready for a restore: until that ends, nobody else may open it. */
  beginRestore(): Promise<'ready' | 'not_empty'>
  /** Whether a restore was begun and not finished. */
  isRestoring(): Promise<boolean>
  /** Stores rows of a backup as they are. Refused (`internal`) unless a restore was begun. */
  insertRestored(args: { table: string; rows: RawRow[] }): Promise<void>
  /** Ends a restore: the domain keys in place of any others, a fence for every app, and the audit's numbering. */
  finishRestore(args: { domainKeys: DomainKeyRow[]; fence: Fence[1]; at: number; audit: AuditRow }): Promise<void>
}

export interface OperatorPort
  extends DomainKeyOperations, EnrollTokenOperations, ApiKeyOperations, AuditQueryOperations, RestoreOperations {}
