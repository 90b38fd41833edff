// A table is described once, in a file of `tables/`: its columns by their row names (the column is the same in snake_case), and what else
// is to be known of it. The SQL that makes it, Kysely's types, the rows, the way between both, what a rotation re-wraps and what a backup
// holds follow from it.
import { type AliasedRawBuilder, type Selectable, sql } from 'kysely'
import { type Column, blob, integer } from './column.ts'

export type Columns = Record<string, Column>

type SnakeCase<S extends string> = S extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : S

type Rows<C extends Columns> = { [K in keyof C]: C[K] extends Column<infer Row> ? Row : never }
type Stored<C extends Columns> = {
  [K in keyof C & string as SnakeCase<K>]: C[K] extends Column<unknown, infer Value> ? Value : never
}

/** A row as the rest of the server sees it. */
export type RowOf<T extends { columns: Columns }> = Rows<T['columns']>
/** A row as Kysely sees it. */
export type StoredOf<T extends { stored: Columns }> = Stored<T['stored']>

/** Some columns of a table, and the way between their stored values and a row. */
export interface Projection<C extends Columns = Columns> {
  readonly columns: C
  /** The columns as SQL names them. */
  readonly names: readonly (keyof Stored<C> & string)[]
  readonly fromColumns: (stored: Selectable<Stored<C>>) => Rows<C>
  readonly toColumns: (row: Rows<C>) => Selectable<Stored<C>>
  only<K extends keyof C & string>(...names: K[]): Projection<Pick<C, K>>
  without<K extends keyof C & string>(...names: K[]): Projection<Omit<C, K>>
}

/** Columns that their table's signature or MAC does not cover, each with the reason why it decides nothing. */
export type Exceptions<Name extends string> = { readonly [N in Name]?: string }

/**
 * How a reader verifies that a row is as Vouchsafe stored it. Every column but the exceptions is covered: a test compares this with the
 * tables.
 */
export type Authenticated<Name extends string> =
  /** The row's signature covers these columns. */
  | { by: 'signature'; columns: readonly Name[]; except?: Exceptions<Name> }
  /** A MAC over all columns but these (row-authenticator.ts), verified by whatever reads a row (authenticated-rows.ts). */
  | {
      by: 'mac'
      except?: Exceptions<Name>
      /** Why the trail doesn't follow its rows, so that a row that is put back or gone is not noticed there. */
      unrecorded?: string
    }
  /** It cannot: someone with write access to the database can forge it. */
  | { by: 'nothing'; because: string }

/** What a table has besides its own columns when a MAC authenticates its rows. */
export const MAC_COLUMNS = {
  /** 32 bytes. */
  mac: blob(),
  /** The domain key that the MAC's key is derived from. */
  macVersion: integer(),
  /** Counts the row's changes, from 1. */
  revision: integer(),
}
type MacColumns = typeof MAC_COLUMNS

export type BackupRule =
  /** `selfFilled`: a server fills it by itself on an empty store. `rowsAtOnce`: fewer than usual, as its rows may be large. */
  { held: true; selfFilled?: boolean; rowsAtOnce?: number } | { held: false; because: string }

export interface TableOptions<Name extends string> {
  primaryKey: readonly Name[]
  /** The table is its primary key's index on SQLite: half the size, one write instead of two. For small rows. */
  clustered?: boolean
  check?: string
  /** What follows the table's creation: indexes, and rows that are always there. */
  statements?: readonly string[]
  /** What of another table's row, besides its own, identifies the row to what opens its blob: that row's id is in the column `by`. */
  sealedWith?: { property: string; table: AnyTable; by: Name; columns: { columns: Columns } }
  authenticated: Authenticated<Name>
  /** The rows decide: they are members of the manifest of the tenant that this column names. Only for tables with MACs. */
  manifest?: Name
  backup: BackupRule
}

/** What there is to know of any table. */
export interface AnyTable extends Readonly<TableOptions<string>> {
  readonly name: string
  /** The columns of its rows. */
  readonly columns: Columns
  /** The columns that the database has: those of its rows, and the MAC's. */
  readonly stored: Columns
  /** The name of the column with sealed blobs; null if there is none. */
  readonly blob: string | null
}

export interface Table<N extends string, C extends Columns> extends Omit<AnyTable, 'columns'>, Projection<C> {
  readonly name: N
  readonly stored: C
}

/** Any table with a MAC in each row. Its rows come from, and go into, the store by authenticated-rows.ts alone. */
export interface AnyMacTable extends AnyTable {
  readonly authenticated: Extract<Authenticated<string>, { by: 'mac' }>
  readonly unverified: { readonly fromColumns: (stored: never) => object; readonly toColumns: (row: never) => object }
}

export interface MacTable<N extends string, C extends Columns> extends AnyMacTable {
  readonly name: N
  readonly columns: C
  readonly stored: C & MacColumns
  /** Between stored values and rows, with nothing verified. */
  readonly unverified: Pick<Projection<C>, 'fromColumns' | 'toColumns'>
  /** A part of the row, for readers that need no more: it is taken from the whole row once that is verified. */
  only<K extends keyof C & string>(...names: K[]): RowPart<C, K>
  without<K extends keyof C & string>(...names: K[]): RowPart<C, Exclude<keyof C & string, K>>
}

/** Some properties of a table's rows. */
export interface RowPart<C extends Columns, K extends keyof C & string> {
  readonly columns: Pick<C, K>
  readonly of: (row: Rows<C>) => Rows<Pick<C, K>>
}

export function table<const N extends string, C extends Columns>(
  name: N,
  columns: C,
  options: TableOptions<NoInfer<keyof C & string>> & { authenticated: { by: 'mac' } },
): MacTable<N, C>
export function table<const N extends string, C extends Columns>(
  name: N,
  columns: C,
  options: TableOptions<NoInfer<keyof C & string>> & { authenticated: { by: 'signature' | 'nothing' } },
): Table<N, C>
export function table(name: string, columns: Columns, options: TableOptions<string>): AnyTable {
  const [sealed = null, ...others] = Object.keys(columns).filter((column) => columns[column]!.sealed)
  if (others.length > 0 || (sealed !== null && !('domainVersion' in columns)))
    throw new Error(`${name}: a sealed column is the only one of its table, and has a domainVersion beside it`)
  const described = projection(columns)
  if (options.authenticated.by !== 'mac') return { ...described, ...options, name, blob: sealed, stored: columns } as AnyTable
  const { fromColumns, toColumns } = described
  const without = (...names: string[]) => rowPart(columns, (column) => !names.includes(column))
  const only = (...names: string[]) => rowPart(columns, (column) => names.includes(column))
  const stored = { ...columns, ...MAC_COLUMNS }
  return { columns, ...options, name, blob: sealed, stored, unverified: { fromColumns, toColumns }, only, without } as AnyTable
}

export function isMacTable(table: AnyTable): table is AnyMacTable {
  return table.authenticated.by === 'mac'
}

function rowPart(columns: Columns, wanted: (name: string) => boolean) {
  const names = Object.keys(columns).filter(wanted)
  const part = Object.fromEntries(names.map((name) => [name, columns[name]!]))
  return { columns: part, of: new Function('row', `return { ${names.map((name) => `${name}: row.${name}`).join(', ')} }`) }
}

function projection<C extends Columns>(columns: C): Projection<C> {
  const select = (wanted: (name: string) => boolean): Columns =>
    Object.fromEntries(Object.entries(columns).filter(([column]) => wanted(column)))
  return {
    columns,
    names: Object.keys(columns).map(snakeCase) as (keyof Stored<C> & string)[],
    fromColumns: compiled(columns, 'read') as Projection<C>['fromColumns'],
    toColumns: compiled(columns, 'write') as Projection<C>['toColumns'],
    only: (...names) => projection(select((column) => (names as string[]).includes(column))) as never,
    without: (...names) => projection(select((column) => !(names as string[]).includes(column))) as never,
  }
}

/** The SQL name of a column. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/**
 * A function that maps rows of these columns, as one would write it by hand: an object literal is several times faster than a loop over the
 * columns. The names in it are this program's own. `prefix` is before the stored names.
 */
function compiled(columns: Columns, way: 'read' | 'write', prefix = ''): (from: object) => unknown {
  const mappings: ((value: never) => unknown)[] = []
  const properties = Object.entries(columns).map(([name, column]) => {
    if (!/^[a-z][A-Za-z]*$/.test(name)) throw new Error(`${name} can't be the name of a column`)
    const stored = prefix + snakeCase(name)
    const [to, from] = way === 'read' ? [name, `from.${stored}`] : [stored, `from.${name}`]
    const mapping = column[way]
    if (mapping === null) return `${to}: ${from}`
    const mapped = `map${mappings.push(mapping) - 1}(${from})`
    return `${to}: ${column.nullable ? `${from} === null ? null : ${mapped}` : mapped}`
  })
  const parameters = mappings.map((_, i) => `map${i}`)
  return new Function(...parameters, `return (from) => ({ ${properties.join(', ')} })`)(...mappings)
}

/**
 * A projection's columns as part of a query that joins: `selection` names those of the table `alias` so that they meet no others, `read` makes
 * the row of a result; null where an outer join found none, which the first column shows (it must not be nullable).
 */
export function joined<C extends Columns>(
  { columns }: { columns: C },
  alias: string,
): { selection: AliasedRawBuilder<unknown, string>[]; read: (result: object) => Rows<C> | null } {
  const prefix = `${alias}_`
  const { selection, isThere } = joinedColumns(columns, alias, prefix)
  const fromPrefixed = compiled(columns, 'read', prefix) as (result: object) => Rows<C>
  return { selection, read: (result) => (isThere(result) ? fromPrefixed(result) : null) }
}

/** As {@link joined} for a table with MACs: `read` returns the stored row, which is still to be verified. */
export function joinedStored<C extends Columns>(
  { stored }: MacTable<string, C>,
  alias: string,
): { selection: AliasedRawBuilder<unknown, string>[]; read: (result: object) => Selectable<Stored<C & MacColumns>> | null } {
  const prefix = `${alias}_`
  const { names, selection, isThere } = joinedColumns(stored, alias, prefix)
  const properties = names.map((name) => `${name}: from.${prefix}${name}`).join(', ')
  const unprefixed = new Function('from', `return { ${properties} }`) as (result: object) => Selectable<Stored<C & MacColumns>>
  return { selection, read: (result) => (isThere(result) ? unprefixed(result) : null) }
}

function joinedColumns(columns: Columns, alias: string, prefix: string) {
  const names = Object.keys(columns).map(snakeCase)
  const first = prefix + names[0]
  return {
    names,
    selection: names.map((name) => sql.ref(`${alias}.${name}`).as(prefix + name)),
    isThere: (result: object) => (result as Record<string, unknown>)[first] !== null,
  }
}
