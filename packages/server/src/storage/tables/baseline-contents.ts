import { blob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** Apart from the baselines, as it is long: up to 100 MiB. */
export const baselineContents = table(
  'baseline_contents',
  {
    baselineId: text('references baselines (id)'),
    /** Its reference values as a digest set. */
    digests: blob(),
    /** The JWT as it was given. */
    content: text(),
  },
  {
    primaryKey: ['baselineId'],
    authenticated: { by: 'nothing', because: "the baseline's signature covers the hashes of both" },
    backup: { held: true, rowsAtOnce: 1 },
  },
)

export const baselineContent = baselineContents.without('baselineId')

export interface BaselineContent extends RowOf<typeof baselineContent> {}
