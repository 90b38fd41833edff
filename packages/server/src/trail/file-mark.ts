import { readFile } from 'node:fs/promises'
import { replaceFile } from '../foundation/index.ts'
import { MarkError, isBefore, parseMark, placeOf, type Mark, type MarkContents, type Place } from './mark.ts'

/** A mark in a file, written whole or not at all. */
export class FileMark implements Mark {
  readonly place: string
  /** Its checkpoint tells. */
  readonly rolledBack = undefined
  #writing: Promise<void> | undefined
  #next: MarkContents | undefined
  #highest: Place | undefined

  constructor(path: string) {
    this.place = path
  }

  async read(): Promise<MarkContents | undefined> {
    let text: string
    try {
      text = await readFile(this.place, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new MarkError(`the mark cannot be read: ${(error as Error).message}`)
    }
    const mark = parseMark(text)
    if (mark === undefined) throw new MarkError(`${this.place} is not a mark, or is damaged`)
    this.#highest = mark.place
    return mark.contents
  }

  /** Of several calls while one is under way, the last is written. */
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
      await replaceFile(this.place, `${JSON.stringify(contents)}\n`, 0o600)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
  }
}
