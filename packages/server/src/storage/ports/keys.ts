import type { AuditRow } from '../tables/trail-entries.ts'
import type { KeyRow, KeySummary } from '../tables/keys.ts'

/** A place in a list of keys: the last row of the page before, or null for the first page. */
export type KeyPosition = { createdAt: number; id: string } | null

/** How many keys there are, the apps' hidden ones left out. All but `total` and `pendingDeletion` overlap. */
export interface KeyStatistics {
  /** Keys that are not deleted. */
  total: number
  disabled: number
  pendingDeletion: number
  /** Not deleted, `expiresAt` at or before now. */
  expired: number
  /** Not deleted, `expiresAt` after now and at or before `soon`. */
  expiringSoon: number
}

/** Where an operation names an app, it sees only that app's keys that are neither deleted nor the app's hidden default key. */
export interface KeyOperations {
  /**
   * `limit` bounds the app's keys, deleted and default ones left out, exactly, over all servers. Twice as many may be pending deletion,
   * so that creating and deleting in turn can't fill the store. The app must exist.
   */
  insertKey(args: { key: KeyRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  /** A key, deleted and default ones included, of one app or of any: the caller decides who may see it. */
  findKey(args: { id: string; appId?: string }): Promise<KeyRow | null>
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
   * Marks the app's key `id`, or all of its keys, as deleted and returns their ids in ascending order. With `destroyAt` at or before
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
   * Removes at most `limit` deleted keys whose time has come, with their import sessions, and returns their ids in ascending order.
   * Over several servers each key is given once. Each key has its own audit row (`object` is its id).
   */
  destroyDueKeys(args: { now: number; limit: number; audit: AuditRow | null }): Promise<string[]>
  /** Adds to the keys' counts of encryptions; keys that no longer exist are passed over. */
  addEncryptions(args: { counts: [keyId: string, n: number][] }): Promise<void>
  keyStatistics(args: { now: number; soon: number }): Promise<KeyStatistics>
}
