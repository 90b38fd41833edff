/**
 * Records of calls on a serving thread: they are handed to the process's trail, which writes them, many times a second. A thread that dies
 * takes along what it had not handed over.
 */
import { recordTexts, type CallRecord } from './call-log.ts'
import type { CallSink } from './call-notes.ts'

/** Records are handed over after this long … */
const HAND_OVER_MS = 5
/** … or when there are so many. */
const HAND_OVER_RECORDS = 128

export interface ThreadCallLogOptions {
  /** Takes the texts of records, in order: see CallLog.adopt. */
  handOver: (texts: string[]) => void
  /** Of the process's trail. */
  hasRoom: () => boolean
  room: () => Promise<void>
}

export class ThreadCallLog implements CallSink, Disposable {
  readonly #options: ThreadCallLogOptions
  #texts: string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: ThreadCallLogOptions) {
    this.#options = options
  }

  get hasRoom(): boolean {
    return this.#options.hasRoom()
  }

  room(): Promise<void> {
    return this.#options.room()
  }

  record(record: CallRecord): void {
    this.#texts.push(...recordTexts(record))
    if (this.#texts.length >= 2 * HAND_OVER_RECORDS) this.handOver()
    else this.#timer ??= setTimeout(() => this.handOver(), HAND_OVER_MS)
  }

  /** Hands over what there is, now. */
  handOver(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const texts = this.#texts
    this.#texts = []
    if (texts.length > 0) this.#options.handOver(texts)
  }

  [Symbol.dispose](): void {
    this.handOver()
  }
}
