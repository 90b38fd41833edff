import { blob, integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** One row per epoch: how far its tree has grown. The newest epoch's row is the one that grows. */
export const trailHeads = table(
  'trail_heads',
  {
    epoch: integer(),
    /** Entries in the tree. */
    size: integer(),
    /** Root of the tree: SHA-256, RFC 6962. */
    root: blob(),
    /** Over the columns before, under the row key of domain key `macVersion`. */
    mac: blob(),
    macVersion: integer(),
    /** Entries that were given a position; those from `size` on wait. */
    next: integer(),
    /** The newest signed checkpoint, a C2SP signed note; it authenticates itself. */
    checkpoint: nullable(text()),
    checkpointSize: integer(),
    /** The newest checkpoint that witnesses cosigned, with their cosignatures: a C2SP signed note. */
    cosigned: nullable(text()),
  },
  {
    primaryKey: ['epoch'],
    authenticated: {
      by: 'nothing',
      because: 'the trail itself authenticates it: by its MAC, its signed checkpoints and the mark; `next` only numbers what waits',
    },
    backup: { held: true, selfFilled: true },
  },
)

export interface TrailHeadRow extends RowOf<typeof trailHeads> {}
