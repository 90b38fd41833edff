// Where blobs lie that are sealed under a domain key, as the tables say. What opens those of a table is in operator/sealed-columns.ts; the
// compiler refuses a table for which it is missing.
import type { AnyTable, Columns, RowOf } from './table.ts'
import { type TableName, type TableNamed, TABLES } from './tables/index.ts'
import type { ownerOfVersion } from './tables/secret-versions.ts'

type HasSealed<C extends Columns> = true extends C[keyof C]['sealed'] ? true : false
export type SealedTableName = { [N in TableName]: HasSealed<TableNamed<N>['columns']> extends true ? N : never }[TableName]

/** What a row's blob is opened with besides its own columns. */
interface Owners {
  secret_versions: { secret: RowOf<typeof ownerOfVersion> }
}

/** The row that each blob belongs to, as its room sees it. */
export type SealedRows = { [N in SealedTableName]: RowOf<TableNamed<N>> & (N extends keyof Owners ? Owners[N] : unknown) }

/** A blob with what is needed to open it and to find it again. */
export interface SealedItem<T extends SealedTableName = SealedTableName> {
  /** The values of the table's primary key. */
  key: (string | number)[]
  blob: Uint8Array
  domainVersion: number
  row: SealedRows[T]
}

export const SEALED_TABLES: ReadonlyMap<SealedTableName, AnyTable & { blob: string }> = new Map(
  TABLES.flatMap((table: AnyTable) => (table.blob === null ? [] : [[table.name as SealedTableName, { ...table, blob: table.blob }]])),
)

export const SEALED_TABLE_NAMES: readonly SealedTableName[] = [...SEALED_TABLES.keys()]
