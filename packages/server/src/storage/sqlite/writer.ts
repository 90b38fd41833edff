import { Worker } from 'node:worker_threads'
import { type AlteredRow, StorageError } from '../error.ts'
import type { OperationName } from '../operation.ts'
import type { RowKeys } from '../row-authenticator.ts'
import { type Call, fromFailure } from './group.ts'
import type { FromWriter, ToWriter, WriterData } from './writer-thread.ts'

/** Operations in one transaction: bounds how long the first of them waits for the others. */
const MAX_GROUP = 256
/** Operations that may wait; more are refused, since the disk does not keep up. */
const MAX_WAITING = 20_000

interface Waiting {
  call: Call
  resolve(execution: { result: unknown; alteredRows: AlteredRow[] }): void
  reject(error: StorageError): void
}

/** The calling thread's side of the storage thread. While one group commits, the operations that arrive form the next. */
export class Writer {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #waiting: Waiting[] = []
  #committing: Waiting[] = []
  #failure: StorageError | undefined

  /** `path` is a migrated database. `onChange` is called after this or another process committed a change. */
  constructor(path: string, process: string, onChange: () => void) {
    this.#worker = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData: { path, process } satisfies WriterData })
    this.#worker.on('message', ({ outcomes, changed }: FromWriter) => {
      if (outcomes !== undefined) this.#settle(outcomes)
      if (changed) onChange()
    })
    this.#worker.on('error', (error) => this.#fail(error))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    this.#worker.on('exit', () => {
      this.#fail()
      resolve()
    })
  }

  /** Resolves with the operation's result when it is durable. */
  run(name: OperationName, args: unknown): Promise<{ result: unknown; alteredRows: AlteredRow[] }> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(new StorageError('unavailable', 'too many writes are waiting'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call: { name, args: withOwnBytes(args) }, resolve, reject })
      // The first of an idle writer's calls sends those that are made in the same turn along.
      if (this.#waiting.length === 1 && this.#committing.length === 0) queueMicrotask(() => this.#send())
    })
  }

  /** Hands the storage thread the keys for what it is sent from now on. */
  authenticateWith(keys: RowKeys): void {
    this.#worker.postMessage({ rowKeys: keys } satisfies ToWriter)
  }

  /** Ends the storage thread, which closes the database. Nothing may be under way. */
  async close(): Promise<void> {
    this.#worker.postMessage(null satisfies ToWriter)
    await this.#ended
  }

  #send(): void {
    if (this.#waiting.length === 0 || this.#committing.length > 0) return
    this.#committing = this.#waiting.splice(0, MAX_GROUP)
    try {
      this.#worker.postMessage(this.#committing.map(({ call }) => call) satisfies ToWriter)
    } catch (error) {
      // A value that cannot be sent is a defect of the caller; nothing of the group has been sent.
      const group = this.#committing
      this.#committing = []
      for (const { reject } of group) reject(new StorageError('internal', undefined, error))
      this.#send()
    }
  }

  #settle(outcomes: FromWriter['outcomes'] & object): void {
    const group = this.#committing
    this.#committing = []
    for (const [index, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[index]
      if (outcome !== undefined && 'result' in outcome) resolve(outcome)
      else reject(outcome === undefined ? new StorageError('internal') : fromFailure(outcome.error))
    }
    this.#send()
  }

  /** The storage thread has ended: what was sent may or may not be stored, and nothing else will be. */
  #fail(cause?: unknown): void {
    this.#failure ??= new StorageError('unavailable', 'the storage thread has ended', cause)
    for (const { reject } of [...this.#committing, ...this.#waiting]) reject(this.#failure)
    this.#committing = []
    this.#waiting = []
  }
}

/**
 * The value with each byte array in a buffer of its own. Sending one that is part of a larger buffer would copy all of that buffer, and
 * with it what other code keeps there: small Buffers share one.
 */
function withOwnBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(withOwnBytes)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withOwnBytes(item)]))
}
