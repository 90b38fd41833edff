/**
 * The only writer of the trail: names from the tables of operations, objects from requests and results, refusals included. Changes are
 * recorded in the transaction that makes them (change-record.ts); everything else goes to the call log.
 */
import { systemCall } from '../access/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { CallLog } from './call-log.ts'
import { CallNotes } from './call-notes.ts'
import { changeRecord } from './change-record.ts'

export interface TrailServices {
  storage: Storage
  runtime: Runtime
  log: Log
}

export class Trail implements AsyncDisposable {
  readonly #calls: CallLog
  readonly #storage: Storage
  readonly #log: Log
  #started = false
  #collect: () => Promise<void> = async () => {}
  readonly #runtime: Runtime
  /** What calls are noted with. */
  readonly notes: CallNotes

  constructor(dataDir: string, { storage, runtime, log }: TrailServices) {
    let names = 0
    const newWriter = () => `${storage.process}${names++ === 0 ? '' : `.${names - 1}`}/calls`
    this.#calls = new CallLog(dataDir, { runtime, log, newWriter, append: (batch) => storage.appendTrailBatch(batch) })
    this.notes = new CallNotes(this.#calls, runtime)
    this.#storage = storage
    this.#log = log
    this.#runtime = runtime
  }

  /** Whether calls can be recorded. */
  get hasRoom(): boolean {
    return this.#calls.hasRoom
  }

  /** Has {@link flush} call `collect` first, which brings what other threads have noted. */
  collectWith(collect: () => Promise<void>): void {
    this.#collect = collect
  }

  /** Takes over what another thread's {@link ThreadCallLog} hands on. */
  adopt(texts: readonly string[]): void {
    this.#calls.adopt(texts)
  }

  /** For metrics. */
  get statistics(): CallLog['statistics'] {
    return this.#calls.statistics
  }

  /** Removes files of records that nothing was written to since a time; returns how many. */
  removeRecords(before: number): Promise<number> {
    return this.#calls.removeBefore(before)
  }

  /** Records waiting calls. */
  async flush(): Promise<void> {
    await this.#collect()
    await this.#calls.flush()
  }

  /** Records that this server begins to serve. */
  async start(): Promise<void> {
    this.#started = true
    const audit = changeRecord(systemCall('StartServer'), '', this.#runtime.now())
    await this.#storage.beginTrailWriter({ audit, calls: this.#calls.writer })
  }

  /** Records the end, after which nothing of this process may follow. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.notes[Symbol.dispose]()
    await this.#calls[Symbol.asyncDispose]()
    if (!this.#started) return
    try {
      await this.#storage.endTrailWriter({ audit: changeRecord(systemCall('StopServer'), '', this.#runtime.now()) })
    } catch (error) {
      this.#log.warn({ err: error }, 'the end of this server could not be recorded: the trail will say that its last calls may be missing')
    }
  }
}
