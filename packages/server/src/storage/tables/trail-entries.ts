import { blob, integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/**
 * The entries of the trail. `leaf` is what counts; the other columns repeat parts of it for queries, and verification compares them. An entry
 * that the tree does not hold yet is authenticated by `mac`; later its leaf's hash in the tree does.
 */
export const trailEntries = table(
  'trail_entries',
  {
    epoch: integer(),
    /** Its index in the epoch's log. */
    position: integer(),
    at: integer(),
    actor: text(),
    action: text(),
    object: text(),
    /** `ok`, or the code of the error. */
    result: text(),
    requestId: text(),
    /** JSON text. */
    detail: nullable(text()),
    /** Canonical JSON (RFC 8785). */
    leaf: blob(),
    /** Over epoch, position and leaf, under the row key of domain key `macVersion`. */
    mac: blob(),
    macVersion: integer(),
  },
  {
    primaryKey: ['epoch', 'position'],
    statements: ['create index trail_entries_by_time on trail_entries (at)'],
    authenticated: {
      by: 'nothing',
      because: 'the trail itself authenticates them: by a MAC until they are in the tree, by the tree from then on',
    },
    backup: { held: true, selfFilled: true, rowsAtOnce: 200 },
  },
)

/** What a query of the trail returns. */
export const trailSummary = trailEntries.only('epoch', 'position', 'at', 'actor', 'action', 'object', 'result', 'requestId', 'detail')

/** An entry of the trail, for people. */
export interface TrailEntrySummary extends RowOf<typeof trailSummary> {}

/** What a caller records; the transaction adds the server, its number and the rows. */
export interface AuditRow extends Omit<TrailEntrySummary, 'epoch' | 'position' | 'detail'> {
  /** '' for what belongs to no tenant. */
  tenant: string
  /** JSON text. */
  detail?: string | null
}

export const leafEntry = trailEntries.without('mac', 'macVersion')
