import type { AuditRow, TrailEntrySummary } from '../tables/trail-entries.ts'
import type { TrailBeginning } from '../tables/trail-beginnings.ts'
import type { TrailRow } from '../tables/trail-rows.ts'
import type { TrailHeadRow } from '../tables/trail-heads.ts'

/** The filters of a query of the trail; absent ones match everything. Texts are whole values. */
export interface AuditFilter {
  actor?: string | undefined
  action?: string | undefined
  object?: string | undefined
  result?: string | undefined
  requestId?: string | undefined
  /** At or after. */
  since?: number | undefined
  /** Before. */
  until?: number | undefined
}

/** A batch of plain uses, numbered by the server that made it. */
export interface TrailBatch {
  writer: string
  seq: number
  at: number
  /** Root of its records' tree, base64. */
  root: string
  count: number
}

/** A place in the trail: before the entry with this position. */
export interface TrailPlace {
  epoch: number
  position: number
}

/** How far a tree has grown. */
export interface TrailHead extends Pick<TrailHeadRow, 'epoch' | 'size' | 'root' | 'checkpoint' | 'checkpointSize' | 'cosigned'> {
  /** Entries that are not in the tree yet. */
  waiting: number
}

/** What a page of a comparison found. */
export interface TrailComparison {
  faults: RowFault[]
  count: number
  last: string | null
}

/** A row of the store that is not what the trail says of it. */
export interface RowFault {
  table: string
  id: string
  /**
   * - `altered`: its MAC fails
   * - `put_back`: it is as it was once, not as it was left last
   * - `deleted`: it is gone, and no entry says so
   * - `inserted`: no entry records it
   */
  fault: 'altered' | 'put_back' | 'deleted' | 'inserted'
}

export interface TrailOperations {
  /** Records what changes nothing in the store. */
  appendAudit(args: { rows: AuditRow[] }): Promise<void>
  /**
   * Records a batch; one that is recorded already is left alone, so a call whose outcome is unknown may be repeated. `ended` if the writer was
   * said to have ended: it must go on under another name.
   */
  appendTrailBatch(args: TrailBatch): Promise<'recorded' | 'ended'>
  /**
   * Records that this process begins to serve calls.
   * @param calls the name under which it numbers the batches of their records, from 0
   */
  beginTrailWriter(args: { audit: AuditRow; calls: string }): Promise<void>
  /** Records the end of this process, and that its calls are all recorded; nothing of them may follow. */
  endTrailWriter(args: { audit: AuditRow }): Promise<void>
  /**
   * Ends each writer that is no registered server, started before `before` and has not said that it ended; of those of batches records that their
   * last ones may be lost. Returns the names of the latter.
   */
  closeGoneWriters(args: { before: number; at: number }): Promise<string[]>
  /** Takes at most `limit` waiting entries into the newest epoch's tree. Rejects with `altered` if one is missing or was changed. */
  growTrail(args: { limit: number }): Promise<TrailHead | null>
  /** The head of an epoch, or of the newest; null if there is none. */
  trailHead(args: { epoch: number | null }): Promise<TrailHead | null>
  /** The heads of all epochs, oldest first, and whether each is as the store made it; `cosigned` is what stands there, whatever it is. */
  trailHeads(): Promise<(TrailHead & { isAuthentic: boolean })[]>
  /**
   * Accepts that the store is older than a checkpoint that was kept outside it: begins an epoch that names the checkpoint, and refuses every
   * request with a stamp up to `fence`.
   */
  acceptRollback(args: {
    previous: { epoch: number; origin: string; size: number; root: string }
    fence: number
    actor: string
    at: number
  }): Promise<void>
  /** Keeps a signed checkpoint, unless a newer one is kept. */
  keepCheckpoint(args: { epoch: number; size: number; checkpoint: string }): Promise<void>
  /**
   * Keeps a checkpoint that witnesses cosigned, unless a newer one is kept; of the same checkpoint the cosignatures are put together.
   * @param note a C2SP signed note; its signatures were verified
   */
  keepCosigned(args: { epoch: number; note: string }): Promise<void>
  /** Entries of an epoch from a position on. */
  readTrail(args: { epoch: number; from: number; limit: number }): Promise<TrailLeaf[]>
  /** The rows that entries from a position to before another say they changed, by position, table and id. */
  trailRows(args: { epoch: number; from: number; until: number }): Promise<TrailRow[]>
  /** The hashes of a tile; null if there is none. */
  trailTile(args: { epoch: number; level: number; number: number }): Promise<Uint8Array | null>
  /** Where what is kept of epochs begins, of those of which something was removed. Rejects with `altered`. */
  trailBeginnings(): Promise<TrailBeginning[]>
  /** Where to remove up to, so that what is older than `before`, and all but the `newest` entries, goes; null if nothing does. */
  trailCut(args: { before: number | null; newest: number | null }): Promise<TrailPlace | null>
  /**
   * Removes at most `limit` of the oldest entries before a place, in whole bundles and only those that a checkpoint covers, and records it.
   * Removes none once there are none left. Rejects with `altered` if entries are not those that were logged.
   */
  pruneTrail(args: { until: TrailPlace; limit: number; audit: AuditRow }): Promise<{ removed: number; beginning: TrailBeginning | null }>
  /**
   * Compares a page of a table with the trail: its rows with the newest entry of each, or the newest entries with their rows. `after` is the
   * `last` of the page before; `last` is null when there are no more.
   */
  compareTrail(args: { table: string; side: 'rows' | 'entries'; after: string | null; limit: number }): Promise<TrailComparison>
}

/** An entry as the log holds it, with the columns that repeat parts of it. */
export interface TrailLeaf extends TrailEntrySummary {
  leaf: Uint8Array
}

export interface AuditQueryOperations {
  /** Entries of the trail that match, newest first. */
  queryAudit(args: { filter: AuditFilter; limit: number }): Promise<TrailEntrySummary[]>
}
