import { integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** The marks of servers that keep them in the store, under a counter of their TPM: one for each counter. */
export const marks = table(
  'marks',
  {
    /** Of the TPM and its counter. */
    id: text(),
    /** The value that the counter has, or is about to get. */
    counter: integer(),
    /** JSON text: the newest checkpoint and the fence; null if no checkpoint is signed yet. */
    contents: nullable(text()),
    writtenAt: integer(),
  },
  {
    primaryKey: ['id'],
    authenticated: {
      by: 'mac',
      unrecorded: 'it is written after a checkpoint, and an entry of it would need the next one; the counter shows that it is old or gone',
    },
    backup: { held: false, because: 'a store that was restored has a mark of its own' },
  },
)

export interface MarkRow extends RowOf<typeof marks> {}
