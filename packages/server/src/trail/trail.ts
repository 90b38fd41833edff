/**
 * The only writer of the trail: names from the tables of operations, objects from requests and results, refusals included. Changes are
 * recorded in the transaction that makes them (change-record.ts); everything else goes to the call log.
 */
import { systemCall, type Call } from '../access/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { CallLog } from './call-log.ts'
import { changeRecord } from './change-record.ts'
import { RefusalLimit, type Refusal } from './refusal-limit.ts'

/** How often counts of refusals are checked. */
const SWEEP_MS = 5_000
const MAX_OBJECTS_CHARS = 1_024
/** Characters that need no escape in a JSON string. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

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
  readonly #runtime: Runtime
  readonly #refusals: RefusalLimit
  readonly #timer: NodeJS.Timeout

  constructor(dataDir: string, { storage, runtime, log }: TrailServices) {
    let names = 0
    const newWriter = () => `${storage.process}${names++ === 0 ? '' : `.${names - 1}`}/calls`
    this.#calls = new CallLog(dataDir, { runtime, log, newWriter, append: (batch) => storage.appendTrailBatch(batch) })
    this.#storage = storage
    this.#log = log
    this.#runtime = runtime
    this.#refusals = new RefusalLimit(runtime, (refusal) => this.#recordRefusal(refusal))
    this.#timer = setInterval(() => this.#refusals.sweep(), SWEEP_MS)
    this.#timer.unref()
  }

  /** Whether a call can be noted at once; otherwise {@link room} first. An operation that cannot be recorded is not performed. */
  get hasRoom(): boolean {
    return this.#calls.hasRoom
  }

  /**
   * Waits until there is room.
   * @throws {ServiceError} `busy` if the disk does not keep up
   */
  room(): Promise<void> {
    return this.#calls.room()
  }

  /**
   * Notes a call of a known caller.
   * @param objects the ids or names of its objects, separated by blanks
   * @param outcome `ok`, or the code of the error
   */
  note({ principal, action, requestId }: Call, objects: string, outcome: string): void {
    this.#calls.record({
      at: this.#runtime.now(),
      tenant: escaped(principal.tenant),
      actor: escaped(principal.subject),
      action,
      object: escaped(objects.slice(0, MAX_OBJECTS_CHARS)),
      result: outcome,
      requestId,
    })
  }

  /** Notes that a caller was refused because it could not prove the identity it claims. */
  noteRefusal(refusal: Omit<Refusal, 'count'>): void {
    this.#refusals.note(refusal)
  }

  #recordRefusal({ claimed, action, outcome, requestId, count }: Refusal): void {
    this.#calls.record({
      at: this.#runtime.now(),
      tenant: '',
      actor: escaped(`unproven:${claimed}`),
      action,
      object: '',
      result: outcome,
      requestId,
      ...(count > 1 && { count }),
    })
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
  flush(): Promise<void> {
    return this.#calls.flush()
  }

  /** Records that this server begins to serve. */
  async start(): Promise<void> {
    this.#started = true
    await this.#storage.appendAudit({ rows: [changeRecord(systemCall('StartServer'), '', this.#runtime.now())] })
  }

  /** Records the end, after which nothing of this process may follow. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#refusals.sweep(true)
    await this.#calls[Symbol.asyncDispose]()
    if (!this.#started) return
    try {
      await this.#storage.endTrailWriter({ audit: changeRecord(systemCall('StopServer'), '', this.#runtime.now()) })
    } catch (error) {
      this.#log.warn({ err: error }, 'the end of this server could not be recorded: the trail will say that its last calls may be missing')
    }
  }
}

/** Text as written in a JSON string. */
function escaped(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text.toWellFormed()).slice(1, -1)
}
