import type { Call } from '../access/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { CallLog } from './call-log.ts'
import { RefusalLimit, type Refusal } from './refusal-limit.ts'

/** How often counts of refusals are checked. */
const SWEEP_MS = 5_000
const MAX_OBJECTS_CHARS = 1_024
/** Characters that need no escape in a JSON string. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** Where records of calls go. */
export type CallSink = Pick<CallLog, 'record' | 'hasRoom' | 'room'>

/** What edges note calls with, on whatever thread. */
export class CallNotes implements Disposable {
  readonly #sink: CallSink
  readonly #runtime: Runtime
  readonly #refusals: RefusalLimit
  readonly #timer: NodeJS.Timeout

  constructor(sink: CallSink, runtime: Runtime) {
    this.#sink = sink
    this.#runtime = runtime
    this.#refusals = new RefusalLimit(runtime, (refusal) => this.#recordRefusal(refusal))
    this.#timer = setInterval(() => this.#refusals.sweep(), SWEEP_MS)
    this.#timer.unref()
  }

  /** Whether a call can be noted at once; otherwise {@link room} first. An operation that cannot be recorded is not performed. */
  get hasRoom(): boolean {
    return this.#sink.hasRoom
  }

  /**
   * Waits until there is room.
   * @throws {ServiceError} `busy` if the disk does not keep up
   */
  room(): Promise<void> {
    return this.#sink.room()
  }

  /**
   * Notes a call of a known caller.
   * @param objects the ids or names of its objects, separated by blanks
   * @param outcome `ok`, or the code of the error
   */
  note({ principal, action, requestId }: Call, objects: string, outcome: string): void {
    this.#sink.record({
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
    this.#sink.record({
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

  /** Hands on what was counted so far. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#refusals.sweep(true)
  }
}

/** Text as written in a JSON string. */
function escaped(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text.toWellFormed()).slice(1, -1)
}
