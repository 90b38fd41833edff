import { setImmediate as nextTurn } from 'node:timers/promises'
import { rowsAtOnce, snapshotTable } from '../backup-tables.ts'
import type { RawRow } from '../ports/restore.ts'
import type { Snapshot } from '../port.ts'
import { openForReading } from './database.ts'

/** Rows between which other work gets its turn. */
const MAX_ROWS = 100

/** A read transaction on its own connection: in WAL mode it sees one moment and blocks no one. */
export async function openSqliteSnapshot(path: string): Promise<Snapshot> {
  const database = openForReading(path)
  try {
    database.exec('begin')
    const newest = database.prepare('select max(version) as version from schema_migrations').get()
    return {
      schemaVersion: Number(newest?.version),
      async *rows(table) {
        const size = Math.min(MAX_ROWS, rowsAtOnce(table))
        let batch: RawRow[] = []
        for (const row of database.prepare(`select * from ${snapshotTable(table)}`).iterate()) {
          batch.push(row as RawRow)
          if (batch.length < size) continue
          yield batch
          batch = []
          await nextTurn()
        }
        if (batch.length > 0) yield batch
      },
      count: async (table) => Number(database.prepare(`select count(*) as count from ${snapshotTable(table)}`).get()?.count),
      async [Symbol.asyncDispose]() {
        database.close()
      },
    }
  } catch (error) {
    database.close()
    throw error
  }
}
