import { sql } from 'kysely'
import { type ColumnType } from '../column.ts'
import type { Db, Dialect } from '../operation.ts'
import { type AnyTable, isMacTable, snakeCase } from '../table.ts'
import { TABLES } from '../tables/index.ts'
import { guardDomainVersion } from './domain-guard.ts'

/** Text compares by bytes and integers have 64 bits on both databases. */
const TYPES: Record<Dialect, Record<ColumnType, string>> = {
  sqlite: { text: 'text', integer: 'integer', flag: 'integer', blob: 'blob', serial: 'integer primary key autoincrement' },
  postgres: {
    text: 'text collate "C"',
    integer: 'bigint',
    flag: 'smallint',
    blob: 'bytea',
    serial: 'bigint generated always as identity primary key',
  },
}

/** Makes every table of an empty store as its file describes it, with its indexes, first rows and guards. */
export async function createTables(db: Db, dialect: Dialect): Promise<void> {
  for (const table of TABLES) {
    await sql.raw(creation(table, dialect)).execute(db)
    for (const statement of (table as AnyTable).statements ?? []) await sql.raw(statement).execute(db)
  }
  for (const table of TABLES as readonly AnyTable[]) {
    if (table.blob !== null) await guardDomainVersion(db, dialect, table.name, snakeCase(table.blob), 'domain_version')
    if (isMacTable(table)) await guardDomainVersion(db, dialect, table.name, 'mac', 'mac_version')
  }
}

function creation({ name, stored, primaryKey, check, clustered }: AnyTable, dialect: Dialect): string {
  const lines = Object.entries(stored).map(([column, { type, nullable, constraint }]) => {
    const notNull = nullable || type === 'serial' ? '' : ' not null'
    return `${snakeCase(column)} ${TYPES[dialect][type]}${notNull} ${constraint}`
  })
  if (primaryKey.every((column) => stored[column]?.type !== 'serial')) lines.push(`primary key (${primaryKey.map(snakeCase).join(', ')})`)
  if (check !== undefined) lines.push(`check (${check})`)
  const options = dialect === 'postgres' ? '' : clustered === true ? ' strict, without rowid' : ' strict'
  return `create table ${name} (${lines.join(', ')})${options}`
}
