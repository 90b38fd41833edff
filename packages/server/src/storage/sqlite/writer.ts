import { MessageChannel, MessagePort, Worker } from 'node:worker_threads'
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

/** One thread's side of the storage thread. While one group commits, the operations that arrive form the next. */
export class Writer {
  readonly #thread: Pick<Worker & MessagePort, 'postMessage'>
  readonly #ended: Promise<void>
  #waiting: Waiting[] = []
  #committing: Waiting[] = []
  #failure: StorageError | undefined

  /**
   * @param thread the storage thread itself, or a port from {@link connect}
   * @param onChange called after this or another process committed a change
   */
  constructor(thread: Worker | MessagePort, onChange: () => void) {
    this.#thread = thread
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    const ended = (cause?: unknown): void => {
      this.#fail(cause)
      resolve()
    }
    const onMessage = ({ outcomes, changed }: FromWriter): void => {
      if (outcomes !== undefined) this.#settle(outcomes)
      if (changed) onChange()
    }
    if (thread instanceof Worker)
      thread
        .on('message', onMessage)
        .on('error', (error) => this.#fail(error))
        .on('exit', ended)
    else thread.on('message', onMessage).on('close', ended)
  }

  /** Starts the storage thread of a migrated database. */
  static start(data: WriterData, onChange: () => void): Writer {
    return new Writer(new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData: data }), onChange)
  }

  /** A port for another thread, over which it has the storage thread write. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#thread.postMessage({ connect: port1 } satisfies ToWriter, [port1])
    return port2
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
    this.#thread.postMessage({ rowKeys: keys } satisfies ToWriter)
  }

  /** Ends the storage thread, which closes the database, or closes the port. Nothing may be under way. */
  async close(): Promise<void> {
    this.#thread.postMessage(null satisfies ToWriter)
    await this.#ended
  }

  #send(): void {
    if (this.#waiting.length === 0 || this.#committing.length > 0) return
    this.#committing = this.#waiting.splice(0, MAX_GROUP)
    try {
      this.#thread.postMessage(this.#committing.map(({ call }) => call) satisfies ToWriter)
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
