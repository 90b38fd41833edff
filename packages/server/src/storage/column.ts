// What the columns of tables are made of. Text compares by bytes and integers have 64 bits on both databases; times are integers, milliseconds
// since 1970; null is absence.
import type { Generated } from 'kysely'

export type ColumnType = 'text' | 'integer' | 'flag' | 'blob' | 'serial'

/** A column: `Row` is its value as the rest of the server sees it, `Stored` as the databases return it. */
export interface Column<Row = unknown, Stored = unknown, Sealed extends boolean = boolean> {
  readonly type: ColumnType
  readonly nullable: boolean
  /** It holds blobs under the domain key that the row's `domainVersion` names. */
  readonly sealed: Sealed
  /** SQL that follows the column's type, such as a reference. */
  readonly constraint: string
  /** Between the two values where they differ; neither is called with null. */
  readonly read: ((stored: never) => unknown) | null
  readonly write: ((value: never) => unknown) | null
  /** Never there: these carry the types. */
  readonly $row?: Row
  readonly $stored?: Stored
}

const PLAIN = { nullable: false, sealed: false, constraint: '', read: null, write: null } as const

export function text<T extends string = string>(constraint = ''): Column<T, T, false> {
  return { ...PLAIN, type: 'text', constraint }
}

/** A safe integer. */
export function integer<T extends number = number>(constraint = ''): Column<T, T, false> {
  return { ...PLAIN, type: 'integer', constraint }
}

/** A boolean, stored as 0 or 1. */
export function flag(constraint = ''): Column<boolean, 0 | 1, false> {
  return { ...PLAIN, type: 'flag', constraint, read: (stored: 0 | 1) => stored === 1, write: toFlag }
}

export function toFlag(value: boolean): 0 | 1 {
  return value ? 1 : 0
}

export function blob(): Column<Uint8Array, Uint8Array, false> {
  return { ...PLAIN, type: 'blob', read: toBytes }
}

/** PostgreSQL returns a Buffer, SQLite a Uint8Array: the port returns a Uint8Array. */
export function toBytes(value: Uint8Array): Uint8Array {
  return Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value
}

/** A blob under the domain key. Its table needs a column `domainVersion`; the database refuses one under a key that was retired. */
export function sealedBlob(): Column<Uint8Array, Uint8Array, true> {
  return { ...blob(), sealed: true }
}

/** A value as JSON text. */
export function json<T>(): Column<T, string, false> {
  return { ...PLAIN, type: 'text', read: (stored: string) => JSON.parse(stored) as T, write: (value: T) => JSON.stringify(value) }
}

/** A number that the database assigns in ascending order. It is the primary key. */
export function serial(): Column<number, Generated<number>, false> {
  return { ...PLAIN, type: 'serial' }
}

export function nullable<Row, Stored, Sealed extends boolean>(
  column: Column<Row, Stored, Sealed>,
): Column<Row | null, Stored | null, Sealed> {
  return { ...(column as Omit<typeof column, '$row' | '$stored'>), nullable: true }
}
