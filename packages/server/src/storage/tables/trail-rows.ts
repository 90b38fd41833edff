import { flag, integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** The rows that each entry of the trail says it changed, by which the newest entry of a row is found. Verification compares it with the entries. */
export const trailRows = table(
  'trail_rows',
  {
    epoch: integer(),
    position: integer(),
    rowTable: text(),
    rowId: text(),
    revision: integer(),
    /** Base64; null for a row that was deleted. */
    digest: nullable(text()),
    /** The entry says what an older one did, which was removed: it counts only where no entry that is kept says something of the row. */
    restated: flag('default 0'),
  },
  {
    primaryKey: ['epoch', 'position', 'rowTable', 'rowId'],
    clustered: true,
    statements: ['create index trail_rows_by_row on trail_rows (row_table, row_id, epoch, position)'],
    authenticated: { by: 'nothing', because: 'it repeats what entries say, which the trail authenticates, and is compared with them' },
    backup: { held: true, selfFilled: true },
  },
)

export interface TrailRow extends RowOf<typeof trailRows> {}
