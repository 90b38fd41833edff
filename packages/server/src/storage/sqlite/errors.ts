import { StorageError, type StorageErrorCode } from '../error.ts'

/** Primary result codes (https://sqlite.org/rescode.html) that are not `internal`. */
const CODES = new Map<number, StorageErrorCode>([
  [5, 'unavailable'], // SQLITE_BUSY: another process did not release the database in time
  [6, 'unavailable'], // SQLITE_LOCKED
  [8, 'unavailable'], // SQLITE_READONLY: the file system or its permissions
  [10, 'unavailable'], // SQLITE_IOERR
  [13, 'full'], // SQLITE_FULL
  [14, 'unavailable'], // SQLITE_CANTOPEN
])

/** What an error of SQLite, or of the file system while opening it, means to the caller. */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  if (!(error instanceof Error)) return new StorageError('internal')
  if ('errcode' in error && typeof error.errcode === 'number') {
    return new StorageError(CODES.get(error.errcode & 0xff) ?? 'internal', undefined, error)
  }
  if ('syscall' in error && 'code' in error) {
    return new StorageError(error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'full' : 'unavailable', undefined, error)
  }
  return new StorageError('internal', undefined, error)
}

/** Whether the error means that another process holds a lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5
}
