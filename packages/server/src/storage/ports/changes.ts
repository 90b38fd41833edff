import type { ChangeRow } from '../tables/changes.ts'

/** What other servers' caches must know. The order of `seq` is the order of the commits, and no number is given twice. */
export interface ChangeOperations {
  readChanges(args: { after: number; limit: number }): Promise<ChangeRow[]>
  /** The newest change's `seq`, 0 before the first; pruning does not lower it. */
  latestChange(): Promise<number>
  /** Removes changes older than `before`; returns how many. */
  pruneChanges(args: { before: number }): Promise<number>
}
