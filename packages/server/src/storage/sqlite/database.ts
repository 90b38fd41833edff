import { DatabaseSync } from 'node:sqlite'
import { createPrivateFile } from './files.ts'

/** How long a writer waits for another process's transaction. */
const WRITE_PATIENCE_MS = 5_000
/** A reader waits only while a crashed process's WAL is recovered; it does so on the caller's thread. */
const READ_PATIENCE_MS = 1_000
/** The WAL file is cut back to this after a burst of writes. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024

/** Opens the database for writing, in WAL mode: a commit is on the disk when it returns. */
export function openForWriting(path: string): DatabaseSync {
  createPrivateFile(path)
  const database = new DatabaseSync(path, { timeout: WRITE_PATIENCE_MS })
  try {
    const mode = database.prepare('pragma journal_mode = wal').get()
    if (mode?.journal_mode !== 'wal') throw new Error('this file system cannot hold a SQLite database in WAL mode')
    database.exec(`pragma synchronous = full; pragma trusted_schema = off; pragma journal_size_limit = ${WAL_LIMIT_BYTES}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens the database for reading; it must be in WAL mode already. Each statement sees all that was committed when it began. */
export function openForReading(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: READ_PATIENCE_MS })
}
