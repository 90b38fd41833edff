import type { Storage, StorageOptions } from './port.ts'
import { openPostgres } from './postgres/open.ts'
import { openSqlite } from './sqlite/open.ts'

/**
 * Opens the store: takes its presence lock (shared for a server, exclusive for an operator command), then migrates it under the
 * initialisation lock. Rejects with a StorageError: `locked`, `newer_schema`, `older_schema`, `unavailable`, `full` or `internal`.
 */
export function openStorage(options: StorageOptions): Promise<Storage> {
  return options.databaseUrl === undefined ? openSqlite(options) : openPostgres(options.databaseUrl, options)
}
