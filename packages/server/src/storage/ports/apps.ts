import type { ApiKeyRow } from '../tables/api-keys.ts'
import type { AppRow } from '../tables/apps.ts'
import type { AuditRow } from '../tables/trail-entries.ts'
import type { KeyRow } from '../tables/keys.ts'

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

export interface ApiKeyOperations {
  /**
   * Adds a new API key to an app; its others end at `othersUntil` at the latest, those that have ended by `at` are removed. `limit` bounds
   * the keys that are valid at once. Announced as a change.
   */
  rotateApiKey(args: {
    apiKey: ApiKeyRow
    othersUntil: number
    limit: number
    at: number
    audit: AuditRow | null
  }): Promise<'rotated' | 'missing' | 'limit'>
}
