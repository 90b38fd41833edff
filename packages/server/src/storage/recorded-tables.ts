// The tables whose rows the trail follows: each change of a row is an entry with the row's revision and digest.
import { type AnyMacTable, type AnyTable, isMacTable } from './table.ts'
import { TABLES } from './tables/index.ts'

function isFollowed(table: AnyTable): table is AnyMacTable {
  return isMacTable(table) && table.authenticated.unrecorded === undefined
}

const RECORDED = new Map<string, AnyMacTable>(TABLES.flatMap((table) => (isFollowed(table) ? [[table.name, table] as const] : [])))

export const RECORDED_TABLES: readonly string[] = [...RECORDED.keys()]

/** @throws Error for a table that the trail does not follow */
export function recordedTable(name: string): AnyMacTable {
  const table = RECORDED.get(name)
  if (table === undefined) throw new Error(`the trail does not follow ${name}`)
  return table
}

export function isRecorded(name: string): boolean {
  return RECORDED.has(name)
}
