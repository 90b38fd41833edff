import { addSignatures, formatNote, parseCheckpoint, parseNote } from '@vouchsafe/audit-log'
import type { Db, OperationContext as Context } from '../operation.ts'

/** A kept note if it is one of at most `limit` entries. Its signatures are not verified: whatever else someone wrote there is as if it were not there. */
export function readableCosigned(kept: string | null, limit: number): string | null {
  try {
    return kept !== null && parseCheckpoint(parseNote(kept).text).size <= limit ? kept : null
  } catch {
    return null
  }
}

/** Keeps a checkpoint that witnesses cosigned, as `keepCosigned` of the trail's operations says. */
export async function keepCosigned(db: Db, { dialect }: Context, { epoch, note }: { epoch: number; note: string }): Promise<void> {
  const head = await db
    .selectFrom('trail_heads')
    .select(['cosigned', 'checkpoint_size'])
    .where('epoch', '=', epoch)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
  if (head === undefined) return
  const kept = readableCosigned(head.cosigned, head.checkpoint_size)
  const cosigned = newerOf(kept, note)
  if (cosigned !== kept) await db.updateTable('trail_heads').set({ cosigned }).where('epoch', '=', epoch).execute()
}

/** The newer one of two; both sets of signatures if they have one text. */
function newerOf(kept: string | null, note: string): string {
  if (kept === null) return note
  const [before, added] = [parseNote(kept), parseNote(note)]
  if (before.text === added.text) return formatNote(addSignatures(before, added.signatures))
  return parseCheckpoint(before.text).size > parseCheckpoint(added.text).size ? kept : note
}
