import { flag, integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** Those who write entries: a server or an operator command, from its start to its end. */
export const trailWriters = table(
  'trail_writers',
  {
    id: text(),
    epoch: integer(),
    startedAt: integer(),
    /** The number that its next entry has. */
    next: integer(),
    /** Its end is recorded: nothing of it may follow. */
    ended: flag(),
  },
  {
    primaryKey: ['id'],
    clustered: true,
    statements: ['create index trail_writers_open on trail_writers (started_at) where ended = 0'],
    authenticated: { by: 'nothing', because: 'each writer compares its numbers with those it remembers, and verification those of all' },
    backup: { held: true, selfFilled: true },
  },
)

export interface TrailWriterRow extends RowOf<typeof trailWriters> {}
