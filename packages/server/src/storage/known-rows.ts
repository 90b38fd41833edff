import { LRUCache } from 'lru-cache'
import type { Selectable } from 'kysely'
import { verifiedRow } from './authenticated-rows.ts'
import type { OperationContext } from './operation.ts'
import type { RowAuthenticator, StoredRow } from './row-authenticator.ts'
import { snakeCase, type AnyMacTable, type RowOf, type StoredOf } from './table.ts'

/** Of rows as the database returned them; about what it takes in memory is twice that. */
const MAX_BYTES = 4 * 1024 * 1024
/** Of a value that is no text and no blob, and of a row. */
const VALUE_BYTES = 8
const ROW_BYTES = 200

interface KnownRow<V> {
  stored: StoredRow
  value: V
}

interface Known<V> {
  /** The authenticator's keys that the rows were verified with. */
  keys: object
  rows: LRUCache<string, KnownRow<V>>
}

/**
 * Rows of a table that are read over and over. One that is, in every column, as it was when it was verified is not verified again: its MAC would be made of
 * the same bytes under the same key. What the store says is still looked at each time, and believed only if it is authenticated.
 */
export class KnownRows<T extends AnyMacTable, V extends object> {
  readonly #table: T
  readonly #keyNames: readonly string[]
  readonly #read: (row: RowOf<T>) => V
  /** By store. */
  readonly #known = new WeakMap<RowAuthenticator, Known<V>>()

  /** @param read what is made of a row; it comes frozen, and the same object as long as the row is the same */
  constructor(table: T, read: (row: RowOf<T>) => V) {
    this.#table = table
    this.#keyNames = table.primaryKey.map(snakeCase)
    this.#read = read
  }

  /**
   * What is read of a stored row.
   * @throws {StorageError} `altered`
   */
  verified(context: OperationContext, stored: Selectable<StoredOf<T>>): V {
    const rows = this.#rowsOf(context.authenticator)
    let id = ''
    for (const name of this.#keyNames) id += `${(stored as StoredRow)[name] as string | number} `
    const known = rows.get(id)
    if (known !== undefined && isSame(known.stored, stored as StoredRow)) return known.value
    const value = Object.freeze(this.#read(verifiedRow(context, this.#table, stored)))
    rows.set(id, { stored: stored as StoredRow, value })
    return value
  }

  #rowsOf(authenticator: RowAuthenticator): LRUCache<string, KnownRow<V>> {
    let known = this.#known.get(authenticator)
    if (known === undefined || known.keys !== authenticator.keys) {
      known = { keys: authenticator.keys, rows: new LRUCache({ maxSize: MAX_BYTES, sizeCalculation: ({ stored }) => bytesOf(stored) }) }
      this.#known.set(authenticator, known)
    }
    return known.rows
  }
}

/** Two results of the same query. */
function isSame(one: StoredRow, other: StoredRow): boolean {
  for (const name in one) {
    const [a, b] = [one[name], other[name]]
    if (a !== b && !(a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0)) return false
  }
  return true
}

function bytesOf(stored: StoredRow): number {
  let bytes = ROW_BYTES
  for (const name in stored) {
    const value = stored[name]
    bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : VALUE_BYTES
  }
  return bytes
}
