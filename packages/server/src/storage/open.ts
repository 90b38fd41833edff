import type { Storage, StorageLink, StorageOptions } from './port.ts'
import { openLinkedPostgres, openPostgres } from './postgres/open.ts'
import { openLinkedSqlite, openSqlite } from './sqlite/open.ts'

/**
 * Opens the store: takes its presence lock (shared for a server, exclusive for an operator command), then migrates it under the
 * initialisation lock. Rejects with a StorageError: `locked`, `newer_schema`, `older_schema`, `unavailable`, `full` or `internal`.
 */
export function openStorage(options: StorageOptions): Promise<Storage> {
  return options.databaseUrl === undefined ? openSqlite(options) : openPostgres(options.databaseUrl, options)
}

/** Opens a store on another thread of the process that has opened it (see {@link Storage.link}). */
export function openLinkedStorage(link: StorageLink, listening: Pick<StorageOptions, 'observe' | 'onAltered'>): Storage {
  return link.kind === 'sqlite' ? openLinkedSqlite(link, listening) : openLinkedPostgres(link, listening)
}
