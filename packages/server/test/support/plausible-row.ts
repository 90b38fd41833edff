import type { Column } from '../../src/storage/column.ts'
import type { Columns, RowOf } from '../../src/storage/table.ts'

/** Null where a column may be null; otherwise a small value of its type, an empty list for what is stored as JSON. */
function plausible({ type, nullable, read }: Column): unknown {
  if (nullable) return null
  if (type === 'blob') return new Uint8Array([1, 0, 255])
  if (type === 'flag') return false
  if (type === 'text') return read === null ? '' : []
  return 1
}

/** A row for tests, of a table or of some of its columns: a test states what matters to it, and a new column changes no test. */
export function plausibleRow<C extends Columns>(
  { columns }: { columns: C },
  ...stated: Partial<RowOf<{ columns: C }>>[]
): RowOf<{ columns: C }> {
  const row = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, plausible(column)]))
  return Object.assign(row, ...stated) as RowOf<{ columns: C }>
}
