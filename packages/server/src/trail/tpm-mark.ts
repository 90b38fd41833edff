/**
 * A mark in the store, under a counter that the TPM only raises: a copy of the store that is put back has a row with an older value.
 *
 * The row is written with the value that the counter is about to get, and then the counter is raised; so a crash between the two leaves a row
 * that is one ahead, which is as good as an equal one. Only the first row ever needs a counter that was raised before.
 *
 * NV memory wears: the counter is raised with the first checkpoint after the start, with the last one of a clean stop, and in between at most
 * every {@link RAISE_MS}. A copy that was made since is not noticed.
 */
import type { Log, Runtime } from '../foundation/index.ts'
import { StorageError, type MarkRow, type Storage } from '../storage/index.ts'
import { MarkError, parseMark, type Mark, type MarkContents } from './mark.ts'
import type { Counter } from './nv-counter.ts'

export const RAISE_MS = 10 * 60 * 1000

export interface TpmMarkServices {
  storage: Pick<Storage, 'findMark' | 'putMark' | 'withInitLock'>
  counter: Counter
  runtime: Runtime
  log: Log
}

export class TpmMark implements Mark {
  readonly place: string
  readonly #services: TpmMarkServices
  #rolledBack: Mark['rolledBack']
  #raisedAt: number | undefined
  /** What the counter was not raised for yet. */
  #waiting: MarkContents | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(services: TpmMarkServices) {
    this.#services = services
    this.place = services.counter.name
  }

  get rolledBack(): Mark['rolledBack'] {
    return this.#rolledBack
  }

  async read(): Promise<MarkContents | undefined> {
    const { storage } = this.#services
    const { row, value } = await storage.withInitLock(() => this.#look())
    this.#rolledBack = this.#judge(row, value)
    if (row === null || row === 'altered' || row.contents === null) return undefined
    const mark = parseMark(row.contents)
    if (mark === undefined) throw new MarkError(`the mark in the store, of ${this.place}, is damaged`)
    return mark.contents
  }

  async write(contents: MarkContents): Promise<void> {
    this.#waiting = contents
    const left = this.#raisedAt === undefined ? 0 : this.#raisedAt + RAISE_MS - this.#services.runtime.monotonic()
    if (left <= 0) return this.#raise()
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#raise().catch((error: unknown) => this.#complain(error))
    }, left).unref()
  }

  /** Takes the store as it is, of which no checkpoint is signed yet: after a restore. */
  accept(): Promise<void> {
    return this.#raise()
  }

  /** Other processes with the same TPM and store raise the same counter: one at a time. */
  async #raise(): Promise<void> {
    const { storage, counter, runtime } = this.#services
    const contents = this.#waiting
    await storage.withInitLock(async () => {
      const { row, value } = await this.#look()
      const found = this.#judge(row, value)
      // The first time the store is taken as it is: whoever started this process has accepted what `read` found.
      if (this.#raisedAt !== undefined && found !== undefined) {
        this.#rolledBack = found
        throw new MarkError(`the store was set back under this server: ${found.reason}`)
      }
      const text = contents === undefined ? null : JSON.stringify(contents)
      const put = async (expected: number) =>
        storage.putMark({ row: { id: await counter.id(), counter: expected, contents: text, writtenAt: runtime.now() } })
      if (value !== undefined) await put(value + 1)
      const raised = await counter.raise()
      if (value === undefined || raised !== value + 1) await put(raised)
    })
    this.#rolledBack = undefined
    this.#raisedAt = runtime.monotonic()
    if (this.#waiting === contents) this.#waiting = undefined
  }

  async #look(): Promise<{ row: MarkRow | null | 'altered'; value: number | undefined }> {
    const { storage, counter } = this.#services
    const row = await storage.findMark({ id: await counter.id() }).catch((error: unknown) => {
      if (error instanceof StorageError && error.code === 'altered') return 'altered' as const
      throw error
    })
    return { row, value: await counter.read() }
  }

  #judge(row: MarkRow | null | 'altered', value: number | undefined): Mark['rolledBack'] {
    const { place } = this
    if (row === 'altered') return { reason: `the mark in the store was altered`, epochs: 1 }
    if (row === null) return value === undefined ? undefined : { reason: `${place} is there, and the store knows nothing of it`, epochs: 1 }
    if (value === undefined) return { reason: `${place} is gone`, epochs: 1 }
    if (row.counter === value || row.counter === value + 1) return undefined
    return row.counter < value
      ? { reason: `${place} was raised ${value - row.counter} times since the store was written`, epochs: value - row.counter }
      : { reason: `${place} is older than the store`, epochs: 1 }
  }

  #complain(error: unknown): void {
    this.#services.log.error({ err: error }, 'the mark was not written: a copy of the store that was made since would not be noticed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#waiting !== undefined) await this.#raise().catch((error: unknown) => this.#complain(error))
  }
}
