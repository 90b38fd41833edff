import type { MarkRow } from '../tables/marks.ts'

export interface MarkOperations {
  /** The mark of a counter. Rejects with `altered`. */
  findMark(args: { id: string }): Promise<MarkRow | null>
  /** Stores it in place of an older one, whatever that says. */
  putMark(args: { row: MarkRow }): Promise<void>
}
