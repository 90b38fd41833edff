import { addSignatures, formatNote, parseNote } from '@vouchsafe/audit-log'
import type { Db, OperationContext as Context } from '../operation.ts'

/** Keeps a checkpoint that witnesses cosigned, as `keepCosigned` of the trail's operations says. */
export async function keepCosigned(
  db: Db,
  { dialect }: Context,
  { epoch, size, note }: { epoch: number; size: number; note: string },
): Promise<void> {
  const head = await db
    .selectFrom('trail_heads')
    .select(['cosigned', 'cosigned_size'])
    .where('epoch', '=', epoch)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst()
  if (head === undefined || head.cosigned_size > size) return
  await db
    .updateTable('trail_heads')
    .set({ cosigned: withCosignatures(head.cosigned, note), cosigned_size: size })
    .where('epoch', '=', epoch)
    .execute()
}

/** A cosigned checkpoint with the cosignatures of the one that is kept, if both have one text. */
function withCosignatures(kept: string | null, note: string): string {
  const added = parseNote(note)
  const before = kept === null ? undefined : parseNote(kept)
  return before?.text === added.text ? formatNote(addSignatures(before, added.signatures)) : note
}
