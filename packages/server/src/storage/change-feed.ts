/**
 * What other processes changed in the store, so that cached state follows: disable, delete and app changes are seen within a second.
 * A poll of the `changes` table carries it; a notification of the database only makes the next poll come sooner.
 */
import type { Log, Runtime } from '../foundation/index.ts'
import { StorageError } from './error.ts'
import type { Storage } from './port.ts'
import type { ChangeKind } from './tables/changes.ts'

const POLL_MS = 500
/** After this long without a successful poll, caches are bypassed. */
const STALE_MS = 5_000
const BATCH = 1000

export interface ChangeListener {
  changed(kind: ChangeKind, objectId: string): void
  /** Changes were missed: whatever is cached may be out of date. */
  reset(): void
}

export class ChangeFeed implements AsyncDisposable {
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #listeners: ChangeListener[] = []
  #lastSequence = 0
  #lastPoll = -Infinity
  /** The state's revision when the last successful read began. */
  #revision = 0
  #waiting: { revision: number; resolve: () => void; reject: (reason: StorageError) => void }[] = []
  #polling: Promise<void> | undefined
  #again = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(storage: Storage, runtime: Runtime, log: Log) {
    this.#storage = storage
    this.#runtime = runtime
    this.#log = log
  }

  /** Tells `listener` of each change that any process committed, this one included. Register before {@link start}. */
  subscribe(listener: ChangeListener): void {
    this.#listeners.push(listener)
  }

  /** Starts at the present: what was committed before is read from the store anyway. */
  async start(): Promise<void> {
    this.#revision = this.#storage.state.revision
    this.#lastSequence = await this.#storage.latestChange()
    this.#lastPoll = this.#runtime.monotonic()
    this.#storage.onChange(() => void this.poll())
    this.#timer = setInterval(() => void this.poll(), POLL_MS)
    this.#timer.unref()
  }

  /** Whether cached state may be trusted. */
  get fresh(): boolean {
    return this.#runtime.monotonic() - this.#lastPoll < STALE_MS
  }

  /** Whether every change is known that was acknowledged by now, on whatever thread of this process. */
  get upToDate(): boolean {
    return this.#revision === this.#storage.state.revision
  }

  /**
   * Takes in every change that was acknowledged before the call.
   * @throws {StorageError} `unavailable` if it can't be read
   */
  catchUp(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ revision: this.#storage.state.revision, resolve, reject })
    if (this.#stopped) this.#settle(false)
    else void this.poll()
    return promise
  }

  /** Ends the waiting of those that know enough now; of all, after a read that failed. */
  #settle(succeeded: boolean): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const waiter of waiting) {
      if (!succeeded) waiter.reject(new StorageError('unavailable', 'the changes of other threads cannot be read'))
      // The revisions wrap around.
      else if (((this.#revision - waiter.revision) | 0) < 0) this.#waiting.push(waiter)
      else waiter.resolve()
    }
  }

  /** Reads what is new now; concurrent calls share one read, and a call during a read makes it read once more. */
  poll(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#again = true
    this.#polling ??= this.#drain()
    return this.#polling
  }

  async #drain(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      try {
        const started = this.#runtime.monotonic()
        const { revision } = this.#storage.state
        // Change rows are pruned after a while, so what was committed during a long silence may be gone.
        if (!this.fresh) for (const listener of this.#listeners) listener.reset()
        let changes
        do {
          changes = await this.#storage.readChanges({ after: this.#lastSequence, limit: BATCH })
          for (const change of changes) {
            this.#lastSequence = change.seq
            for (const listener of this.#listeners) listener.changed(change.kind, change.objectId)
          }
        } while (changes.length === BATCH)
        this.#lastPoll = started
        this.#revision = revision
        this.#settle(true)
      } catch (error) {
        this.#settle(false)
        this.#log.warn({ err: error }, 'the change feed cannot read the store')
      }
    }
    // Immediately, not a few microtasks later: a later caller starts a read of its own.
    this.#polling = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#polling
    this.#settle(false)
  }
}
