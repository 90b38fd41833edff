/**
 * The windows of all apps, in memory that the threads of a process share under one lock, with what each request is compared with: the app's
 * durable fence, whether other servers use the store (`shared`), and whether this one has stopped.
 *
 * An app is found by 128 bits of a keyed hash of its id, so that nobody can choose apps that are slow to find; ids themselves aren't kept.
 * Records of apps stay for the life of the process, so that a thread can remember where they are.
 */
import { createHmac } from 'node:crypto'
import { LOCK_WORDS, ServiceError, SharedHeap, SharedLock, TOP_BLOCK_BYTES, type Runtime } from '../foundation/index.ts'
import type { ReplayArea } from './replay-area.ts'
import { RECORD_WORDS, ReplayWindow, bytesOf, type Outcome } from './replay-window.ts'

export interface ReplayLimits {
  /** Memory of one app. */
  appBytes: number
  /** Memory in all. */
  totalBytes: number
}

/** Room for over a million requests of one app, and for over four million in all. */
export const MAX_APP_BYTES = 24 * 1024 * 1024
export const MAX_TOTAL_BYTES = 96 * 1024 * 1024

/** Apps of one store; a record takes 80 bytes once it is used. */
const MAX_APPS = 2 ** 20
/** What windows may have in all, twice that of the largest while it grows, and gaps: address space, as long as it isn't used. */
const HEAP_BYTES = 10 * TOP_BLOCK_BYTES
/** A window that must give way is narrowed to this part of what it had. */
const NARROWED = 0.9

// Words of the head, after the lock's.
const SHARED = LOCK_WORDS
const STOPPED = LOCK_WORDS + 1
const APPS = LOCK_WORDS + 2
const WINDOWS = LOCK_WORDS + 3
const BYTES = LOCK_WORDS + 4
const ENTRIES = LOCK_WORDS + 5
const NARROWINGS = LOCK_WORDS + 6
const FIRST_ACTIVE = LOCK_WORDS + 7
const APP_BYTES = LOCK_WORDS + 8
const TOTAL_BYTES = LOCK_WORDS + 9
const KEY = LOCK_WORDS + 10
const KEY_WORDS = 8
const HASH_WORDS = 4
/** The number of the record + 1 of each app, at the place that its hash says or the next free one. */
const INDEX = 112
const INDEX_WORDS = 2 * MAX_APPS
const RECORDS = INDEX + INDEX_WORDS
const HEAP = RECORDS + MAX_APPS * RECORD_WORDS

export class ReplayMemory implements ReplayArea {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  readonly doubles: Float64Array
  readonly heap: SharedHeap
  readonly lock: SharedLock
  readonly #key: Buffer
  /** Of the apps that this thread has met. */
  readonly #windows = new Map<string, ReplayWindow>()

  /** Memory for a process; its pages are taken when they are used. */
  static create(runtime: Pick<Runtime, 'randomBytes'>, limits: ReplayLimits): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(4 * (HEAP + SharedHeap.wordsFor(HEAP_BYTES)))
    const words = new Int32Array(buffer)
    words[APP_BYTES] = limits.appBytes
    words[TOTAL_BYTES] = limits.totalBytes
    new Uint8Array(buffer, KEY * 4, KEY_WORDS * 4).set(runtime.randomBytes(KEY_WORDS * 4))
    new SharedHeap(words, HEAP, HEAP_BYTES).format()
    return buffer
  }

  /** @param views of the buffer: tests have some that stop in the middle of a critical section */
  constructor(
    buffer: SharedArrayBuffer,
    threadNumber: number,
    views: Pick<ReplayArea, 'words' | 'doubles'> = { words: new Int32Array(buffer), doubles: new Float64Array(buffer) },
  ) {
    this.buffer = buffer
    this.words = views.words
    this.doubles = views.doubles
    this.heap = new SharedHeap(this.words, HEAP, HEAP_BYTES)
    // A copy, since node:crypto takes no shared memory.
    this.#key = Buffer.from(new Uint8Array(buffer, KEY * 4, KEY_WORDS * 4))
    this.lock = new SharedLock(new Int32Array(buffer), 0, threadNumber, () => this.#recover())
  }

  /** Whether requests that memory alone can't decide are recorded in the store. */
  get shared(): boolean {
    return this.words[SHARED] === 1
  }

  set shared(shared: boolean) {
    this.words[SHARED] = Number(shared)
  }

  /** Whether nothing is accepted any more. */
  get stopped(): boolean {
    return this.words[STOPPED] === 1
  }

  set stopped(stopped: boolean) {
    this.words[STOPPED] = Number(stopped)
  }

  get statistics(): { bytes: number; entries: number; apps: number; narrowings: number } {
    const { words } = this
    return { bytes: words[BYTES]!, entries: words[ENTRIES]!, apps: words[WINDOWS]!, narrowings: words[NARROWINGS]! }
  }

  /** Runs a critical section, without another one inside. */
  locked<T>(work: () => T): T {
    this.lock.acquire()
    let result: T
    try {
      result = work()
    } catch (error) {
      this.lock.abandon()
      throw error
    }
    this.lock.release()
    return result
  }

  /**
   * The window of an app, in use or not. Takes the lock when this thread meets the app for the first time.
   * @throws {ServiceError} `busy` if there are more apps than it has room for
   */
  window(appId: string): ReplayWindow {
    let window = this.#windows.get(appId)
    if (!window) {
      const hash = createHmac('sha256', this.#key).update(appId).digest()
      const record = this.locked(() => this.#recordOf(hash))
      if (record === 0) throw new ServiceError('busy', { detail: 'the replay guard has no room for more apps' })
      window = new ReplayWindow(this, record)
      this.#windows.set(appId, window)
    }
    return window
  }

  /** Every window in use. Each is looked for without the lock. */
  *windows(): Generator<ReplayWindow> {
    for (let number = 0; number < this.words[APPS]!; number++) {
      const window = new ReplayWindow(this, RECORDS + number * RECORD_WORDS)
      if (window.isOpen) yield window
    }
  }

  /** The first word of an app's record, made when it isn't there; 0 if there is no room. */
  #recordOf(hash: Buffer): number {
    const { words } = this
    const start = hash.readUInt32LE(HASH_WORDS * 4) % INDEX_WORDS
    let place = start
    for (; words[INDEX + place] !== 0; place = (place + 1) % INDEX_WORDS) {
      const record = RECORDS + (words[INDEX + place]! - 1) * RECORD_WORDS
      let same = true
      for (let i = 0; i < HASH_WORDS; i++) same &&= words[record + i] === hash.readInt32LE(4 * i)
      if (same) return record
    }
    const number = words[APPS]!
    if (number === MAX_APPS) return 0
    const record = RECORDS + number * RECORD_WORDS
    for (let i = 0; i < HASH_WORDS; i++) words[record + i] = hash.readInt32LE(4 * i)
    new ReplayWindow(this, record).format()
    // Cut off between these two, it is a record that nobody finds.
    words[APPS] = number + 1
    words[INDEX + place] = number + 1
    return record
  }

  // From here on, the caller holds the lock.

  /** Notes a request in an app's window, and keeps memory bounded at the cost of the app that uses most of it. */
  add(window: ReplayWindow, stamp: number, mac: Uint8Array, monotonic: number): Outcome {
    if (!window.isOpen) window.open()
    const bytes = window.bytes
    let outcome = window.add(stamp, mac, monotonic)
    while (outcome === 'no-memory' && this.#narrowLargest()) outcome = window.add(stamp, mac, monotonic)
    if (window.bytes !== bytes) this.bound(window)
    return outcome
  }

  /** Narrows a window that has grown too large, or the largest as long as all together are. */
  bound(window: ReplayWindow): void {
    const { words } = this
    if (window.bytes > words[APP_BYTES]!) this.#narrow(window, words[APP_BYTES]!)
    while (words[BYTES]! > words[TOTAL_BYTES]! && this.#narrowLargest());
  }

  /** False if there is nothing to narrow. */
  #narrowLargest(): boolean {
    const { words } = this
    let [largest, most] = [0, 0]
    for (let at = RECORDS; at < RECORDS + words[APPS]! * RECORD_WORDS; at += RECORD_WORDS) {
      const bytes = bytesOf(words, at)
      if (bytes > most) [largest, most] = [at, bytes]
    }
    if (most === 0) return false
    this.#narrow(new ReplayWindow(this, largest), most)
    return true
  }

  #narrow(window: ReplayWindow, limit: number): void {
    window.narrow(Math.floor(limit * NARROWED))
    this.words[NARROWINGS]!++
  }

  count(bytes: number, entries: number, windows: number): void {
    const { words } = this
    words[BYTES]! += bytes
    words[ENTRIES]! += entries
    words[WINDOWS]! += windows
  }

  /** Notes the newest stamp that an app's fence is to be raised over. */
  setActive(window: ReplayWindow, stamp: number): void {
    const { active } = window
    if (stamp <= active) return
    if (active < 0) {
      window.nextActive = this.words[FIRST_ACTIVE]!
      this.words[FIRST_ACTIVE] = window.at
    }
    window.active = stamp
  }

  get hasActive(): boolean {
    return this.words[FIRST_ACTIVE] !== 0
  }

  /** Takes one app from those whose fence is to be raised. Returns where its record is, with the stamp in `stamp[0]`; 0 if there is none. */
  takeActive(stamp: Float64Array): number {
    const at = this.words[FIRST_ACTIVE]!
    if (at === 0) return 0
    const window = new ReplayWindow(this, at)
    stamp[0] = window.active
    this.words[FIRST_ACTIVE] = window.nextActive
    window.active = -1
    return at
  }

  /** After a critical section that was cut off: what follows from the windows is made anew. */
  #recover(): void {
    const { words } = this
    words[BYTES] = words[ENTRIES] = words[WINDOWS] = words[FIRST_ACTIVE] = 0
    this.heap.rebuild((use) => {
      for (let number = 0; number < words[APPS]!; number++) {
        const window = new ReplayWindow(this, RECORDS + number * RECORD_WORDS)
        window.recount(use)
        if (window.active < 0) continue
        window.nextActive = words[FIRST_ACTIVE]!
        words[FIRST_ACTIVE] = window.at
      }
    })
  }
}
