/**
 * The requests of one app that were accepted recently, so that none is accepted again. Pages of about four seconds, allocated on use: one
 * bit per millisecond for requests without a nonce, keyed fingerprints for those with one.
 *
 * Invariant: nothing inside the accepted window is ever forgotten. Where memory runs out, the window itself narrows: the floor rises and
 * everything at or below it is refused.
 */
import { hash } from 'node:crypto'
import { FingerprintSet } from './fingerprint-set.ts'

/**
 * A page covers 4096 ms: short enough to drop one at a time, long enough that an app with one request per second doesn't need a page for
 * each.
 */
const PAGE_MS = 4096
/** The approximate cost of a page besides its arrays: the object, its place in the map. */
const PAGE_OVERHEAD_BYTES = 160
const BITMAP_BYTES = PAGE_MS / 8

interface Page {
  bits: Uint32Array | undefined
  fingerprints: FingerprintSet | undefined
  /** Monotonic time of the last addition. */
  touched: number
}

export type Outcome = 'new' | 'seen' | 'below-floor'

export class ReplayWindow {
  /** Stamps at or below it are refused, seen or not. */
  floor: number
  /** The newest stamp accepted, or the floor. */
  newest: number
  /** Memory in use. */
  bytes = 0
  /** Accepted requests remembered. */
  entries = 0
  readonly #pages = new Map<number, Page>()

  constructor(floor: number) {
    this.floor = floor
    this.newest = floor
  }

  /**
   * Notes a request unless it is known or too old.
   * @param stamp milliseconds since 1970
   * @param secret keys the fingerprints, so that no one can construct a collision
   * @param monotonic now, for {@link expire}
   */
  add(stamp: number, nonce: string | undefined, secret: string, monotonic: number): Outcome {
    if (stamp <= this.floor) return 'below-floor'
    const number = Math.floor(stamp / PAGE_MS)
    let page = this.#pages.get(number)
    if (!page) {
      page = { bits: undefined, fingerprints: undefined, touched: monotonic }
      this.#pages.set(number, page)
      this.bytes += PAGE_OVERHEAD_BYTES
    }
    if (!(nonce === undefined ? this.#addBit(page, stamp - number * PAGE_MS) : this.#addFingerprint(page, stamp, nonce, secret)))
      return 'seen'
    page.touched = monotonic
    this.entries++
    if (stamp > this.newest) this.newest = stamp
    return 'new'
  }

  #addBit(page: Page, millisecond: number): boolean {
    if (!page.bits) {
      page.bits = new Uint32Array(BITMAP_BYTES / 4)
      this.bytes += BITMAP_BYTES
    }
    const word = millisecond >>> 5
    const bit = 1 << (millisecond & 31)
    if ((page.bits[word]! & bit) !== 0) return false
    page.bits[word]! |= bit
    return true
  }

  #addFingerprint(page: Page, stamp: number, nonce: string, secret: string): boolean {
    page.fingerprints ??= new FingerprintSet()
    const before = page.fingerprints.size === 0 ? 0 : page.fingerprints.bytes
    const digest = hash('sha256', `${secret}${stamp}:${nonce}`, 'buffer')
    const added = page.fingerprints.add(digest.readUInt32LE(0), digest.readUInt32LE(4))
    this.bytes += page.fingerprints.bytes - before
    return added
  }

  /** Drops the oldest pages until at most `target` bytes are in use, and raises the floor over them. */
  narrow(target: number): void {
    for (const number of [...this.#pages.keys()].sort((a, b) => a - b)) {
      if (this.bytes <= target) return
      this.floor = Math.max(this.floor, (number + 1) * PAGE_MS - 1)
      this.#drop(number)
    }
    this.newest = Math.max(this.newest, this.floor)
  }

  /** Raises the floor; what lies below needs no memory any more. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    this.floor = floor
    this.newest = Math.max(this.newest, floor)
    for (const number of [...this.#pages.keys()]) if ((number + 1) * PAGE_MS - 1 <= floor) this.#drop(number)
  }

  /**
   * Forgets pages that no request can fall into any longer: outside the window by the wall clock **and** long untouched by the monotonic
   * one, so that a wall clock that steps can't make it forget. The floor rises over them, in case the wall clock steps back later.
   */
  expire(oldestAccepted: number, touchedBefore: number): void {
    let floor = this.floor
    for (const [number, page] of this.#pages) {
      const last = (number + 1) * PAGE_MS - 1
      if (last < oldestAccepted && page.touched < touchedBefore) floor = Math.max(floor, last)
    }
    this.raiseFloor(floor)
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0
  }

  #drop(number: number): void {
    const page = this.#pages.get(number)!
    this.#pages.delete(number)
    this.bytes -= PAGE_OVERHEAD_BYTES + (page.bits ? BITMAP_BYTES : 0) + (page.fingerprints?.bytes ?? 0)
    this.entries -= (page.fingerprints?.size ?? 0) + (page.bits ? countBits(page.bits) : 0)
  }
}

function countBits(words: Uint32Array): number {
  let count = 0
  for (const word of words) for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
