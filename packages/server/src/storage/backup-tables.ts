// What a backup holds, as the tables say.
import { TABLES, type TableName } from './tables/index.ts'

const ROWS_AT_ONCE = 200

const HELD = new Map(TABLES.flatMap(({ name, backup }) => (backup.held ? [[name as string, backup] as const] : [])))

/** Tables that a backup holds, each after those that its rows refer to. */
export const BACKUP_TABLES = TABLES.map(({ name }) => name).filter((name) => HELD.has(name))

/** How many rows of a table are read or written at once. */
export function rowsAtOnce(name: string): number {
  return HELD.get(name)?.rowsAtOnce ?? ROWS_AT_ONCE
}

/** Whether a backup holds the table. */
export function isBackupTable(name: string): name is TableName {
  return HELD.has(name)
}

/** Whether a server fills the table by itself on an empty store: a store that holds nothing else is empty. */
export function isSelfFilled(name: string): boolean {
  return HELD.get(name)?.selfFilled === true
}

/** The name of a table that a snapshot may read, as it can stand in SQL. */
export function snapshotTable(name: string): string {
  if (name !== 'domain_keys' && !isBackupTable(name)) throw new Error(`no backup holds the table ${name}`)
  return name
}
