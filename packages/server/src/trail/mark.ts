/**
 * The mark: what is kept outside the store so that an older copy of it is noticed. It holds the newest signed checkpoint, which a store that was
 * put back does not reach, and the fence: a stamp above that of every request that was accepted.
 */
import { parseCheckpoint, parseNote } from '@vouchsafe/audit-log'
import { readFile } from 'node:fs/promises'
import { replaceFile } from '../foundation/index.ts'

const MAX_BYTES = 64 * 1024

export interface MarkContents {
  v: 1
  /** The newest checkpoint that was signed: a C2SP signed note. */
  checkpoint: string
  /** Milliseconds since 1970: no request with a later stamp was accepted. */
  fence: number
}

/** How far a checkpoint goes. */
interface Place {
  epoch: number
  size: number
}

function placeOf(note: string): Place {
  const { origin, size } = parseCheckpoint(parseNote(note).text)
  return { epoch: Number(origin.slice(origin.lastIndexOf('/') + 1)), size }
}

function isBefore(a: Place, b: Place): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.size < b.size)
}

export class MarkError extends Error {
  override readonly name = 'MarkError'
}

/** A file, written whole or not at all. */
export class Mark {
  readonly #path: string
  #writing: Promise<void> | undefined
  #next: MarkContents | undefined
  #highest: Place | undefined

  constructor(path: string) {
    this.#path = path
  }

  /**
   * What the mark says; undefined if there is none.
   * @throws {MarkError} if it is not a mark
   */
  async read(): Promise<MarkContents | undefined> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new MarkError(`the mark cannot be read: ${(error as Error).message}`)
    }
    const damaged = new MarkError(`${this.#path} is not a mark, or is damaged`)
    if (text.length > MAX_BYTES) throw damaged
    let contents: unknown
    try {
      contents = JSON.parse(text)
    } catch {
      throw damaged
    }
    const { v, checkpoint, fence } = (contents ?? {}) as Record<string, unknown>
    if (v !== 1 || typeof checkpoint !== 'string' || !Number.isSafeInteger(fence)) throw damaged
    try {
      this.#highest = placeOf(checkpoint)
    } catch {
      throw damaged
    }
    return { v, checkpoint, fence: fence as number }
  }

  /**
   * Replaces what the mark says, unless it knows of a larger log; of several calls while one is under way, the last is written.
   */
  write(contents: MarkContents): Promise<void> {
    const place = placeOf(contents.checkpoint)
    if (this.#highest !== undefined && isBefore(place, this.#highest)) return Promise.resolve()
    this.#highest = place
    this.#next = contents
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#next !== undefined) {
      const contents = this.#next
      this.#next = undefined
      await replaceFile(this.#path, `${JSON.stringify(contents)}\n`, 0o600)
    }
  }
}
