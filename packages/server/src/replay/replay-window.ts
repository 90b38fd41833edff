/**
 * The requests of one app that were accepted recently, so that none is accepted again. Pages of about four seconds, allocated on use, with the
 * first 64 bits of each request's MAC. Nobody but the app and the server can compute one, so that only the app itself could look for two that
 * collide, and all that it would have of them is a refusal.
 *
 * Invariant: nothing inside the accepted window is ever forgotten. Where memory runs out, the window itself narrows: the floor rises and
 * everything at or below it is refused.
 */
import { FingerprintSet } from './fingerprint-set.ts'

/**
 * A page covers 4096 ms: short enough to drop one at a time, long enough that an app with one request per second doesn't need a page for
 * each.
 */
const PAGE_MS = 4096
/** The approximate cost of a page besides its array: the objects, its place in the map. */
const PAGE_OVERHEAD_BYTES = 160

interface Page {
  fingerprints: FingerprintSet
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
   * @param mac identifies the request: 8 bytes or more, which nobody without the app's key can choose; one MAC has one stamp
   * @param monotonic now, for {@link expire}
   */
  add(stamp: number, mac: Uint8Array, monotonic: number): Outcome {
    if (stamp <= this.floor) return 'below-floor'
    if (!this.#addFingerprint(Math.floor(stamp / PAGE_MS), halfOf(mac, 0), halfOf(mac, 4), monotonic)) return 'seen'
    if (stamp > this.newest) this.newest = stamp
    return 'new'
  }

  #addFingerprint(number: number, high: number, low: number, monotonic: number): boolean {
    let page = this.#pages.get(number)
    if (!page) {
      page = { fingerprints: new FingerprintSet(), touched: monotonic }
      this.#pages.set(number, page)
      this.bytes += PAGE_OVERHEAD_BYTES + page.fingerprints.bytes
    }
    const before = page.fingerprints.bytes
    if (!page.fingerprints.add(high, low)) return false
    this.bytes += page.fingerprints.bytes - before
    page.touched = monotonic
    this.entries++
    return true
  }

  /** Drops the oldest pages until at most `target` bytes are in use, and raises the floor over them. */
  narrow(target: number): void {
    for (const number of [...this.#pages.keys()].sort((a, b) => a - b)) {
      if (this.bytes <= target) return
      this.floor = Math.max(this.floor, lastOf(number))
      this.#drop(number)
    }
    this.newest = Math.max(this.newest, this.floor)
  }

  /** Raises the floor; what lies below needs no memory any more. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    this.floor = floor
    this.newest = Math.max(this.newest, floor)
    for (const number of [...this.#pages.keys()]) if (lastOf(number) <= floor) this.#drop(number)
  }

  /**
   * Forgets pages that no request can fall into any longer: outside the window by the wall clock **and** long untouched by the monotonic
   * one, so that a wall clock that steps can't make it forget. The floor rises over them, in case the wall clock steps back later.
   */
  expire(oldestAccepted: number, touchedBefore: number): void {
    let floor = this.floor
    for (const [number, page] of this.#pages) {
      const last = lastOf(number)
      if (last < oldestAccepted && page.touched < touchedBefore) floor = Math.max(floor, last)
    }
    this.raiseFloor(floor)
  }

  /** Everything remembered, for {@link load}: of each page its number, how many fingerprints follow, and those; all as 32 bits, little-endian. */
  save(): Uint8Array {
    const words: Uint32Array[] = []
    for (const [number, { fingerprints }] of this.#pages) words.push(new Uint32Array([number, fingerprints.size]), fingerprints.values())
    const saved = Buffer.concat(words.map(({ buffer }) => Buffer.from(buffer)))
    return new Uint8Array(saved.buffer, saved.byteOffset, saved.length)
  }

  /**
   * Remembers what another window has saved, as far as it lies above the floor. What can't be read raises the floor over all that it may have
   * stood for.
   * @param newest the saved window's newest stamp
   */
  load(saved: Uint8Array, newest: number, monotonic: number): void {
    const words = new Uint32Array(Uint8Array.from(saved.subarray(0, saved.length - (saved.length % 4))).buffer)
    let at = 0
    while (at + 1 < words.length && at + 2 + 2 * words[at + 1]! <= words.length) {
      const [number, size] = [words[at]!, words[at + 1]!]
      at += 2
      for (const end = at + 2 * size; at < end; at += 2) {
        if (lastOf(number) > this.floor) this.#addFingerprint(number, words[at]!, words[at + 1]!, monotonic)
      }
    }
    if (at * 4 !== saved.length) this.raiseFloor(newest)
    this.newest = Math.max(this.newest, newest)
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0
  }

  #drop(number: number): void {
    const { fingerprints } = this.#pages.get(number)!
    this.#pages.delete(number)
    this.bytes -= PAGE_OVERHEAD_BYTES + fingerprints.bytes
    this.entries -= fingerprints.size
  }
}

/** The last millisecond of a page. */
function lastOf(number: number): number {
  return (number + 1) * PAGE_MS - 1
}

function halfOf(mac: Uint8Array, at: number): number {
  return (mac[at]! | (mac[at + 1]! << 8) | (mac[at + 2]! << 16) | (mac[at + 3]! << 24)) >>> 0
}
