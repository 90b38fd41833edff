/**
 * Why the store refused:
 * - `unavailable`: not reachable, too busy, or its outcome is unknown; the caller may try again
 * - `locked`: a server, or an operator command, holds the store
 * - `full`: no space left; nothing of the operation was stored
 * - `newer_schema`: a newer release has migrated this store
 * - `older_schema`: the store has a format that this release does not read any more
 * - `altered`: a row is not as Vouchsafe stored it (`row` says which), so it is not used; nothing was changed
 * - `internal`: anything else
 */
export type StorageErrorCode = 'unavailable' | 'locked' | 'full' | 'newer_schema' | 'older_schema' | 'altered' | 'internal'

const PUBLIC_MESSAGES: Record<StorageErrorCode, string> = {
  unavailable: 'the database is not available',
  locked: 'the store is in use',
  full: 'the database has no space left',
  newer_schema: 'the store was written by a newer release',
  older_schema: 'the store was written by a release whose format is not read any more',
  altered: 'a row of the store was altered, and is not used',
  internal: 'the database refused the operation',
}

/** A row that is not as Vouchsafe stored it. */
export interface AlteredRow {
  table: string
  /** The values of its primary key, with spaces between them. */
  id: string
}

/** A failure of the store. The message is safe to show to anybody; what the database said is the `cause`, for logs alone. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  /** For `altered`. */
  readonly row: AlteredRow | undefined

  constructor(code: StorageErrorCode, message?: string, cause?: unknown, row?: AlteredRow) {
    super(message ?? PUBLIC_MESSAGES[code], cause === undefined ? undefined : { cause })
    this.code = code
    this.row = row
  }

  static altered(row: AlteredRow): StorageError {
    return new StorageError('altered', undefined, undefined, row)
  }
}
