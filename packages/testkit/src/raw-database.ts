import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Client } from 'pg'

/** Runs one SQL statement on a store's database, past the storage port: what an administrator, or an intruder, could do. Parameters are $1, $2 … */
export async function queryDatabase(
  { dataDir, databaseUrl }: { dataDir: string; databaseUrl?: string | undefined },
  sql: string,
  parameters: SQLInputValue[] = [],
): Promise<Record<string, unknown>[]> {
  if (databaseUrl === undefined) {
    using database = new DatabaseSync(join(dataDir, 'vouchsafe.db'), { timeout: 5_000 })
    const statement = database.prepare(sql.replaceAll(/\$\d+/g, '?'))
    return statement.all(...parameters) as Record<string, unknown>[]
  }
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql, parameters)).rows
  } finally {
    await client.end()
  }
}
