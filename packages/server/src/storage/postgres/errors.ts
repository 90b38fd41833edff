import { DatabaseError } from 'pg'
import { StorageError, type StorageErrorCode } from '../error.ts'

/**
 * SQLSTATEs, or their first two characters, that are not `internal`
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const CODES = new Map<string, StorageErrorCode>([
  ['08', 'unavailable'], // connection exceptions
  ['25006', 'unavailable'], // read_only_sql_transaction: a standby
  ['25P03', 'unavailable'], // idle_in_transaction_session_timeout
  ['28', 'unavailable'], // invalid authorisation
  ['3D000', 'unavailable'], // the database does not exist
  ['40001', 'unavailable'], // serialization_failure, again and again
  ['40P01', 'unavailable'], // deadlock_detected, again and again
  ['53', 'unavailable'], // insufficient resources, such as connections
  ['53100', 'full'], // disk_full
  ['55P03', 'unavailable'], // lock_not_available
  ['57', 'unavailable'], // operator intervention: shutdown, statement timeout
  ['58', 'unavailable'], // system errors: I/O
])

/** A connection that could not be had, or that failed during a query; what the query did is then unknown. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** What an error of PostgreSQL or of its connection means to the caller. What it says of rows (`detail`) is left out. */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  if (error instanceof DatabaseError) {
    const sqlState = error.code ?? ''
    const code = CODES.get(sqlState) ?? CODES.get(sqlState.slice(0, 2)) ?? 'internal'
    return new StorageError(code, undefined, new Error(`${sqlState}: ${error.message}`))
  }
  return new StorageError(error instanceof ConnectionError ? 'unavailable' : 'internal', undefined, error)
}

/** Whether the transaction was refused only because of others beside it, so that it may be tried again. */
export function isCollision(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01')
}
