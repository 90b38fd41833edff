/**
 * The mark: what shows that an older copy of the store was put back. It holds the newest signed checkpoint, which such a copy does not reach, and
 * the fence: a stamp above that of every request that was accepted. It lies in a file outside the store (file-mark.ts), or in the store under a
 * counter of the TPM, which no copy sets back (tpm-mark.ts).
 */
import { parseCheckpoint, parseNote } from '@vouchsafe/audit-log'

/** No request is accepted whose stamp is further ahead of the newest mark: it is written within seconds, and stamps are at most 10 minutes ahead. */
export const MARKED_AHEAD_MS = 11 * 60 * 1000

export interface MarkContents {
  v: 1
  /** The newest checkpoint that was signed: a C2SP signed note. */
  checkpoint: string
  /** Milliseconds since 1970: no request with a later stamp was accepted. */
  fence: number
  /** The sum of the revisions of all manifests, which only grows. */
  manifests: number
}

export interface Mark extends AsyncDisposable {
  /** Where it lies, for messages. */
  readonly place: string
  /**
   * Why the store is older than the mark, where the mark itself tells; otherwise its checkpoint does. Known once the mark was read, until the
   * first {@link write}, with which the store is taken as it is.
   */
  readonly rolledBack: { reason: string; epochs: number } | undefined
  /**
   * What the mark says; undefined if there is none.
   * @throws {MarkError} if it cannot be read
   */
  read(): Promise<MarkContents | undefined>
  /** Replaces what the mark says, unless it knows of a larger log. */
  write(contents: MarkContents): Promise<void>
}

export class MarkError extends Error {
  override readonly name = 'MarkError'
}

/** How far a checkpoint goes. */
export interface Place {
  epoch: number
  size: number
}

export function placeOf(note: string): Place {
  const { origin, size } = parseCheckpoint(parseNote(note).text)
  return { epoch: Number(origin.slice(origin.lastIndexOf('/') + 1)), size }
}

export function isBefore(a: Place, b: Place): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.size < b.size)
}

const MAX_BYTES = 64 * 1024

/** Reads the text of a mark; undefined if it is none. */
export function parseMark(text: string): { contents: MarkContents; place: Place } | undefined {
  if (text.length > MAX_BYTES) return undefined
  try {
    const { v, checkpoint, fence, manifests } = (JSON.parse(text) ?? {}) as Record<string, unknown>
    if (v !== 1 || typeof checkpoint !== 'string' || !Number.isSafeInteger(fence) || !Number.isSafeInteger(manifests)) return undefined
    return { contents: { v, checkpoint, fence: fence as number, manifests: manifests as number }, place: placeOf(checkpoint) }
  } catch {
    return undefined
  }
}
