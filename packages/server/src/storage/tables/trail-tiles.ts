import { blob, integer } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** Tiles of the tree (C2SP tlog-tiles): up to 256 hashes each; the last of a level grows. */
export const trailTiles = table(
  'trail_tiles',
  { epoch: integer(), level: integer(), number: integer(), hashes: blob() },
  {
    primaryKey: ['epoch', 'level', 'number'],
    authenticated: { by: 'nothing', because: 'they must lead to the root in the head' },
    backup: { held: true, selfFilled: true },
  },
)

export interface TrailTileRow extends RowOf<typeof trailTiles> {}
