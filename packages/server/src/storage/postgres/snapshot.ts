import { rowsAtOnce, snapshotTable } from '../backup-tables.ts'
import type { RawRow } from '../ports/restore.ts'
import type { Snapshot } from '../port.ts'
import { connectAlone, disconnect } from './connection.ts'
import { ConnectionError, toStorageError } from './errors.ts'

/** Counting the rows of a large table that is not in memory takes its time. */
const PATIENCE_MS = 30 * 60_000

/** A repeatable-read transaction on a connection of its own. */
export async function openPostgresSnapshot(url: string): Promise<Snapshot> {
  const client = await connectAlone(url, () => {}, PATIENCE_MS)
  const query = async (sql: string): Promise<RawRow[]> => {
    try {
      return (await client.query<RawRow>(sql)).rows
    } catch (error) {
      const isOurs = error instanceof Error && 'severity' in error
      throw toStorageError(isOurs ? error : new ConnectionError('the connection to the database failed', { cause: error }))
    }
  }
  try {
    // Between two batches a slow reader of the backup may take its time.
    await query('set idle_in_transaction_session_timeout = 0')
    await query('start transaction isolation level repeatable read read only')
    const [newest] = await query('select max(version) as version from schema_migrations')
    return {
      schemaVersion: Number(newest?.version),
      async *rows(table) {
        await query(`declare backup no scroll cursor for select * from ${snapshotTable(table)}`)
        for (const size = rowsAtOnce(table); ;) {
          const batch = await query(`fetch ${size} from backup`)
          if (batch.length > 0) yield batch
          if (batch.length < size) break
        }
        await query('close backup')
      },
      count: async (table) => Number((await query(`select count(*) as count from ${snapshotTable(table)}`))[0]?.count),
      [Symbol.asyncDispose]: () => disconnect(client),
    }
  } catch (error) {
    await disconnect(client)
    throw error
  }
}
