/**
 * What can be wrong with a log:
 * - `missing`: a file that the size requires is not there; later ones are.
 * - `truncated`: entries at the end are not there, or an older checkpoint has more of them.
 * - `edited`: entries (or, where `path` is a tile of hashes, hashes) are not those of the signed root.
 * - `reordered`: authentic entries stand elsewhere, or numbers of a server do not grow.
 * - `forked`: an older checkpoint is signed and is not the beginning of this log.
 * - `unsigned`: a checkpoint is not readable, or a signature is wrong or by no known key.
 * - `wrong_origin`: a checkpoint is of another log.
 * - `malformed`: an entry that is no leaf, or a file that is no bundle or tile.
 * - `misplaced_epoch`: the log does not begin with an epoch's leaf, or one is elsewhere.
 * - `sequence_gap`: leaves of a server are missing and no gap leaf says so, or a gap leaf contradicts the log.
 * - `duplicate`: a number of a server occurs twice.
 * - `too_many_servers`: more of them, or of their gaps, than are kept in memory.
 */
export type FaultCode =
  | 'missing'
  | 'truncated'
  | 'edited'
  | 'reordered'
  | 'forked'
  | 'unsigned'
  | 'wrong_origin'
  | 'malformed'
  | 'misplaced_epoch'
  | 'sequence_gap'
  | 'duplicate'
  | 'too_many_servers'

export interface Fault {
  code: FaultCode
  /** First entry that it is about. */
  index?: number
  /** The entry after the last one that it is about. */
  until?: number
  /** The file, where it is not about entries. */
  path?: string
  detail: string
}

const MAX_FAULTS = 100

/** Faults in the order in which they are found; adjacent ones of one sort are one. */
export class Faults {
  readonly list: Fault[] = []
  /** Found beyond those in the list. */
  more = 0

  add(fault: Fault): void {
    const last = this.list.at(-1)
    const end = fault.until ?? (fault.index === undefined ? undefined : fault.index + 1)
    const isNext = last?.until !== undefined && last.until === fault.index && last.code === fault.code && last.path === fault.path
    if (isNext) last.until = end!
    else if (this.list.length === MAX_FAULTS) this.more++
    else this.list.push(end === undefined ? fault : { ...fault, until: end })
  }
}
