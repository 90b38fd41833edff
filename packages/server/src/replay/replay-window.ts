/**
 * The requests of one app that were accepted recently, so that none is accepted again. Pages of about four seconds, allocated on use, with the
 * first 64 bits of each request's MAC. Nobody but the app and the server can compute one, so that only the app itself could look for two that
 * collide, and all that it would have of them is a refusal.
 *
 * Invariant: nothing inside the accepted window is ever forgotten. Where memory runs out, the window itself narrows: the floor rises and
 * everything at or below it is refused.
 *
 * A window lives in memory that threads share; whoever calls it holds the lock. Each step that makes something reachable, or unreachable, is one
 * write, so that a thread that dies in between leaves a window that holds: at worst a block that belongs to nobody, which `ReplayMemory` finds.
 */
import { SharedHeap } from '../foundation/index.ts'
import { FingerprintSet } from './fingerprint-set.ts'
import type { ReplayArea } from './replay-area.ts'

/**
 * A page covers 4096 ms: short enough to drop one at a time, long enough that an app with one request per second doesn't need a page for
 * each.
 */
const PAGE_MS = 4096
/** The approximate cost of a page besides its fingerprints: its entry in the table of pages, which is half full on average. */
const PAGE_OVERHEAD_BYTES = 96

/** Words of a window: the record of an app in `ReplayMemory`. The stamps are doubles, two words each. */
const TABLE = 4
/** Entries of the table that aren't free: pages, and those that were dropped. */
const TAKEN = 5
const PAGES = 6
const BYTES = 7
const ENTRIES = 8
const OPEN = 9
const NEXT_ACTIVE = 10
const FLOOR = 12
const NEWEST = 14
const FENCE = 16
const ACTIVE = 18
export const RECORD_WORDS = 20

/** Words of an entry in the table of pages; the first two are the cell of its fingerprints. */
const BLOCK = 0
const NUMBER = 2
/** A double, two words: the monotonic time of the last addition. */
const TOUCHED = 4
const ENTRY_WORDS = 8
const INITIAL_ENTRIES = 4
const MAX_LOAD = 0.75
/** In place of the block of a page that was dropped: no block has such a small number. */
const DROPPED = 1

export type Outcome = 'new' | 'seen' | 'below-floor' | 'no-memory'

export class ReplayWindow {
  readonly #area: ReplayArea
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #set: FingerprintSet
  /** The first word of the record. */
  readonly at: number

  constructor(area: ReplayArea, at: number) {
    this.#area = area
    this.#words = area.words
    this.#doubles = area.doubles
    this.#set = new FingerprintSet(area.heap)
    this.at = at
  }

  /** Stamps at or below it are refused, seen or not. */
  get floor(): number {
    return this.#doubles[(this.at + FLOOR) >> 1]!
  }

  /** The newest stamp accepted, or the floor. */
  get newest(): number {
    return this.#doubles[(this.at + NEWEST) >> 1]!
  }

  /** Memory in use. */
  get bytes(): number {
    return this.#words[this.at + BYTES]!
  }

  /** Accepted requests remembered. */
  get entries(): number {
    return this.#words[this.at + ENTRIES]!
  }

  get isEmpty(): boolean {
    return this.#words[this.at + PAGES] === 0
  }

  /** Whether it is in use: from the first request until nothing is left of it. */
  get isOpen(): boolean {
    return this.#words[this.at + OPEN] === 1
  }

  /** The app's durable fence: the stamp up to which memory alone decides, -1 if none. */
  get fence(): number {
    return this.#doubles[(this.at + FENCE) >> 1]!
  }

  set fence(stamp: number) {
    this.#doubles[(this.at + FENCE) >> 1] = stamp
  }

  /** The newest stamp that the fence is to be raised over, -1 if none. */
  get active(): number {
    return this.#doubles[(this.at + ACTIVE) >> 1]!
  }

  set active(stamp: number) {
    this.#doubles[(this.at + ACTIVE) >> 1] = stamp
  }

  /** The record of the next window in the list of those that are active, 0 if it is the last. */
  get nextActive(): number {
    return this.#words[this.at + NEXT_ACTIVE]!
  }

  set nextActive(record: number) {
    this.#words[this.at + NEXT_ACTIVE] = record
  }

  /** Makes a new record that of a window without a fence. */
  format(): void {
    this.#doubles[(this.at + FLOOR) >> 1] = -1
    this.#doubles[(this.at + NEWEST) >> 1] = -1
    this.fence = -1
    this.active = -1
  }

  /** Begins to use it. Requests accepted up to the fence are not in this memory. */
  open(): void {
    const floor = Math.max(this.floor, this.fence)
    this.#doubles[(this.at + FLOOR) >> 1] = floor
    this.#doubles[(this.at + NEWEST) >> 1] = floor
    this.#words[this.at + OPEN] = 1
    this.#area.count(0, 0, 1)
  }

  /** Ends its use, when it is empty. A floor above the fence outlives it, or what it refuses could be accepted. */
  close(): void {
    this.fence = Math.max(this.fence, this.floor)
    this.#words[this.at + OPEN] = 0
    this.#area.count(0, 0, -1)
  }

  /**
   * Notes a request unless it is known or too old.
   * @param stamp milliseconds since 1970
   * @param mac identifies the request: 8 bytes or more, which nobody without the app's key can choose; one MAC has one stamp
   * @param monotonic now, for {@link expire}
   */
  add(stamp: number, mac: Uint8Array, monotonic: number): Outcome {
    if (stamp <= this.floor) return 'below-floor'
    const added = this.#addFingerprint(Math.floor(stamp / PAGE_MS), halfOf(mac, 0), halfOf(mac, 4), monotonic)
    if (added === undefined) return 'no-memory'
    if (!added) return 'seen'
    if (stamp > this.newest) this.#doubles[(this.at + NEWEST) >> 1] = stamp
    return 'new'
  }

  #addFingerprint(number: number, high: number, low: number, monotonic: number): boolean | undefined {
    let page = this.#find(number)
    if (page === 0) page = this.#insert(number)
    if (page === 0) return undefined
    const set = this.#set
    set.cell = page
    const before = set.bytes
    const added = set.add(high, low)
    if (added) {
      this.#doubles[(page + TOUCHED) >> 1] = monotonic
      this.#count(set.bytes - before, 1)
    }
    return added
  }

  /** The entry of a page, 0 if it isn't there. */
  #find(number: number): number {
    const words = this.#words
    const table = words[this.at + TABLE]!
    if (table === 0) return 0
    const start = this.#area.heap.wordOf(table)
    const mask = SharedHeap.wordsIn(table) / ENTRY_WORDS - 1
    for (let i = number & mask; ; i = (i + 1) & mask) {
      const entry = start + i * ENTRY_WORDS
      const block = words[entry]!
      if (block === 0) return 0
      if (block !== DROPPED && words[entry + NUMBER] === (number | 0)) return entry
    }
  }

  /** Adds a page; 0 if there is no memory for it. */
  #insert(number: number): number {
    const words = this.#words
    const { heap } = this.#area
    const table = words[this.at + TABLE]!
    if (table === 0 || words[this.at + TAKEN]! + 1 > (SharedHeap.wordsIn(table) / ENTRY_WORDS) * MAX_LOAD) {
      if (!this.#rebuild()) return 0
    }
    const entry = freeEntry(words, heap, words[this.at + TABLE]!, number)
    words[entry + NUMBER] = number
    words[this.at + TAKEN]!++
    this.#set.cell = entry
    if (!this.#set.open()) {
      words[this.at + TAKEN]!--
      return 0
    }
    words[this.at + PAGES]!++
    this.#count(PAGE_OVERHEAD_BYTES + this.#set.bytes, 0)
    return entry
  }

  /** Makes the table anew, with room for more pages than there are, and without those that were dropped. */
  #rebuild(): boolean {
    const words = this.#words
    const { heap } = this.#area
    const pages = words[this.at + PAGES]!
    const old = words[this.at + TABLE]!
    const table = heap.allocate(SharedHeap.orderFor(Math.max(INITIAL_ENTRIES, pages * 2) * ENTRY_WORDS))
    if (table === 0) return false
    if (old !== 0) {
      const start = heap.wordOf(old)
      for (let entry = start; entry < start + SharedHeap.wordsIn(old); entry += ENTRY_WORDS) {
        if (words[entry]! <= DROPPED) continue
        words.copyWithin(freeEntry(words, heap, table, words[entry + NUMBER]!), entry, entry + ENTRY_WORDS)
      }
    }
    words[this.at + TABLE] = table
    words[this.at + TAKEN] = pages
    if (old !== 0) heap.free(old)
    return true
  }

  /** Drops the oldest pages until at most `target` bytes are in use, and raises the floor over them. */
  narrow(target: number): void {
    const pages = this.#entries().sort((a, b) => this.#numberOf(a) - this.#numberOf(b))
    let bytes = this.bytes
    let floor = this.floor
    for (const page of pages) {
      if (bytes <= target) break
      floor = Math.max(floor, lastOf(this.#numberOf(page)))
      this.#set.cell = page
      bytes -= PAGE_OVERHEAD_BYTES + this.#set.bytes
    }
    this.raiseFloor(floor)
  }

  /** Raises the floor; what lies below needs no memory any more. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    this.#doubles[(this.at + FLOOR) >> 1] = floor
    if (floor > this.newest) this.#doubles[(this.at + NEWEST) >> 1] = floor
    for (const page of this.#entries()) if (lastOf(this.#numberOf(page)) <= floor) this.#drop(page)
  }

  /**
   * Forgets pages that no request can fall into any longer: outside the window by the wall clock **and** long untouched by the monotonic
   * one, so that a wall clock that steps can't make it forget. The floor rises over them, in case the wall clock steps back later.
   */
  expire(oldestAccepted: number, touchedBefore: number): void {
    let floor = this.floor
    for (const page of this.#entries()) {
      const last = lastOf(this.#numberOf(page))
      if (last < oldestAccepted && this.#doubles[(page + TOUCHED) >> 1]! < touchedBefore) floor = Math.max(floor, last)
    }
    this.raiseFloor(floor)
  }

  /** Everything remembered, for {@link load}: of each page its number, how many fingerprints follow, and those; all as 32 bits, little-endian. */
  save(): Uint8Array {
    const words: Uint32Array[] = []
    for (const page of this.#entries()) {
      this.#set.cell = page
      const values = this.#set.values()
      words.push(new Uint32Array([this.#numberOf(page), values.length / 2]), values)
    }
    const saved = Buffer.concat(words.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)))
    return new Uint8Array(saved.buffer, saved.byteOffset, saved.length)
  }

  /**
   * Remembers what another window has saved, as far as it lies above the floor. What can't be read, or finds no memory, raises the floor over all
   * that it may have stood for.
   * @param newest the saved window's newest stamp
   * @param onSeen called for each fingerprint that was here before
   */
  load(saved: Uint8Array, newest: number, monotonic: number, onSeen: (high: number, low: number) => void = () => {}): void {
    const words = new Uint32Array(Uint8Array.from(saved.subarray(0, saved.length - (saved.length % 4))).buffer)
    let at = 0
    let room = true
    while (at + 1 < words.length && at + 2 + 2 * words[at + 1]! <= words.length) {
      const [number, size] = [words[at]!, words[at + 1]!]
      at += 2
      for (const end = at + 2 * size; at < end; at += 2) {
        if (lastOf(number) <= this.floor) continue
        const added = this.#addFingerprint(number, words[at]!, words[at + 1]!, monotonic)
        if (added === undefined) room = false
        else if (!added) onSeen(words[at]! | 0, words[at + 1]! | 0)
      }
    }
    if (at * 4 !== saved.length || !room) this.raiseFloor(newest)
    if (newest > this.newest) this.#doubles[(this.at + NEWEST) >> 1] = newest
  }

  /** Counts anew after a critical section was cut off, and names the blocks in use. */
  recount(use: (block: number) => void): void {
    const words = this.#words
    const table = words[this.at + TABLE]!
    words.fill(0, this.at + TAKEN, this.at + ENTRIES + 1)
    if (this.isOpen) this.#area.count(0, 0, 1)
    if (table === 0) return
    use(table)
    const start = this.#area.heap.wordOf(table)
    for (let entry = start; entry < start + SharedHeap.wordsIn(table); entry += ENTRY_WORDS) {
      const block = words[entry]!
      if (block !== 0) words[this.at + TAKEN]!++
      if (block <= DROPPED) continue
      if (lastOf(this.#numberOf(entry)) <= this.floor) {
        words[entry] = DROPPED
        continue
      }
      use(block)
      words[this.at + PAGES]!++
      this.#set.cell = entry
      this.#count(PAGE_OVERHEAD_BYTES + this.#set.bytes, this.#set.size)
    }
  }

  /** The entries of all pages. */
  #entries(): number[] {
    const words = this.#words
    const table = words[this.at + TABLE]!
    const entries: number[] = []
    if (table === 0) return entries
    const start = this.#area.heap.wordOf(table)
    for (let entry = start; entry < start + SharedHeap.wordsIn(table); entry += ENTRY_WORDS)
      if (words[entry]! > DROPPED) entries.push(entry)
    return entries
  }

  #numberOf(page: number): number {
    return this.#words[page + NUMBER]! >>> 0
  }

  #drop(page: number): void {
    const words = this.#words
    this.#set.cell = page
    this.#count(-PAGE_OVERHEAD_BYTES - this.#set.bytes, -this.#set.size)
    const block = words[page + BLOCK]!
    words[page + BLOCK] = DROPPED
    this.#area.heap.free(block)
    if (--words[this.at + PAGES]! > 0) return
    const table = words[this.at + TABLE]!
    words[this.at + TABLE] = 0
    words[this.at + TAKEN] = 0
    this.#area.heap.free(table)
  }

  #count(bytes: number, entries: number): void {
    this.#words[this.at + BYTES]! += bytes
    this.#words[this.at + ENTRIES]! += entries
    this.#area.count(bytes, entries, 0)
  }
}

/** Memory in use by the window whose record begins here. */
export function bytesOf(words: Int32Array, at: number): number {
  return words[at + BYTES]!
}

/** The first free entry where a page belongs. */
function freeEntry(words: Int32Array, heap: SharedHeap, table: number, number: number): number {
  const start = heap.wordOf(table)
  const mask = SharedHeap.wordsIn(table) / ENTRY_WORDS - 1
  for (let i = number & mask; ; i = (i + 1) & mask) {
    const entry = start + i * ENTRY_WORDS
    if (words[entry] === 0) return entry
  }
}

/** The last millisecond of a page. */
function lastOf(number: number): number {
  return (number + 1) * PAGE_MS - 1
}

/** Half of a fingerprint, as it is kept: 32 bits, signed. */
export function halfOf(mac: Uint8Array, at: number): number {
  return mac[at]! | (mac[at + 1]! << 8) | (mac[at + 2]! << 16) | (mac[at + 3]! << 24)
}
