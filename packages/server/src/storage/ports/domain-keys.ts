import type { SealedItem, SealedTableName } from '../sealed-tables.ts'
import type { AuditRow } from '../tables/trail-entries.ts'
import type { DomainKeyRow } from '../tables/domain-keys.ts'

export interface DomainKeyOperations {
  /** All domain keys by ascending version. */
  listDomainKeys(): Promise<DomainKeyRow[]>
  /** False when the version exists already; it is left as it was. This and every other change of the domain keys is announced. */
  insertDomainKey(args: { row: DomainKeyRow; at: number; audit: AuditRow | null }): Promise<boolean>
  /** Lets a domain key seal; `mac` is that of its row then, and `was` that of its row now. False, with nothing changed, when it isn't. */
  activateDomainKey(args: { version: number; was: Uint8Array; mac: Uint8Array; at: number }): Promise<boolean>
  /** How often the domain keys have changed. Read it before the keys: they are then at least as new. */
  domainKeyRevision(): Promise<number>
  /** The servers that have not acknowledged this revision of the domain keys, by id. */
  serversBehind(args: { revision: number }): Promise<string[]>
  /** Puts all domain keys under another root key. False, with nothing changed, unless they are exactly these and all under `from`. */
  rewrapDomainKeys(args: {
    from: string
    to: string
    wrapped: { version: number; wrapped: Uint8Array; mac: Uint8Array }[]
    at: number
    audit: AuditRow | null
  }): Promise<boolean>
  /** Removes the domain keys below a version; `in_use`, with nothing changed, while a blob or a MAC is under one of them. */
  retireDomainKeys(args: { below: number; at: number; audit: AuditRow | null }): Promise<'retired' | 'in_use'>
  /** How many rows have their blob, or their MAC, under domain keys below a version. */
  countSealed(args: { below: number }): Promise<number>
  /** Blobs of one table under domain keys below a version, in the order of the table's key, those after `after`. */
  readSealed(args: { table: SealedTableName; below: number; after: SealedItem['key'] | null; limit: number }): Promise<SealedItem[]>
  /** Replaces blobs that are still as they were read; returns how many were. */
  replaceSealed(args: {
    table: SealedTableName
    items: { key: SealedItem['key']; was: Uint8Array; blob: Uint8Array; domainVersion: number }[]
  }): Promise<number>
  /**
   * Makes new MACs, under the current key, for rows of one table whose MACs are under domain keys below a version, in the order of the table's
   * key, those after `after`; returns their keys. Rejects with `altered` for one that does not verify.
   */
  reauthenticateRows(args: { table: string; below: number; after: SealedItem['key'] | null; limit: number }): Promise<SealedItem['key'][]>
  /** Whether there is any row that a domain key seals or authenticates. */
  holdsProtectedRows(): Promise<boolean>
}
