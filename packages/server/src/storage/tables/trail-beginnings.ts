import { integer } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** Where what is kept of an epoch's entries begins, once older ones were removed; their hashes stay in the tiles. */
export const trailBeginnings = table(
  'trail_beginnings',
  {
    epoch: integer(),
    /** The first entry that is kept: the minimum index of C2SP tlog-tiles. */
    first: integer(),
    /** Its time; that of the last one removed if none is kept. */
    firstAt: integer(),
  },
  { primaryKey: ['epoch'], authenticated: { by: 'mac' }, backup: { held: true, selfFilled: true } },
)

export interface TrailBeginning extends RowOf<typeof trailBeginnings> {}
