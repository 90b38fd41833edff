/**
 * Rows of the store, kept in memory: read when first needed, forgotten when anyone changes them.
 *
 * Invariants: a thing is read once at a time, for all that ask meanwhile; a read that a change overtook is returned to those that
 * asked before the change, but is neither kept nor shared with later ones; without news of changes nothing that is kept or under way
 * is returned; failures and absences are not kept; the size is bounded. A hit is one look-up, without waiting.
 */
import { LRUCache } from 'lru-cache'

export interface ReadThroughCacheOptions<Value extends object | undefined> {
  /** Whether news of changes is arriving at present. */
  feed: { readonly fresh: boolean }
  /** Reads it from the store; undefined if there is none, or none for this reader. */
  read: (id: string, reader: string) => Promise<Value>
  /** Whether a value is for this reader; every value is by default. */
  isFor?: (value: NonNullable<Value>, reader: string) => boolean
  /** A number of entries, or the sum of their sizes. */
  bound: LRUCache.Options<string, NonNullable<Value>, unknown>
  /** Whether a value may be kept; all may by default. */
  keeps?: (value: NonNullable<Value>) => boolean
}

export class ReadThroughCache<Value extends object | undefined> {
  readonly #options: ReadThroughCacheOptions<Value>
  readonly #values: LRUCache<string, NonNullable<Value>>
  /** By thing and reader. */
  readonly #reading = new Map<string, Map<string, Promise<Value>>>()

  constructor(options: ReadThroughCacheOptions<Value>) {
    this.#options = options
    this.#values = new LRUCache(options.bound)
  }

  get size(): number {
    return this.#values.size
  }

  /** The value in memory, if it can be trusted; one that isn't for this reader is as absent, and costs the same from here on. */
  cached(id: string, reader = ''): NonNullable<Value> | undefined {
    const { feed, isFor } = this.#options
    const value = feed.fresh ? this.#values.get(id) : undefined
    return value === undefined || isFor === undefined || isFor(value, reader) ? value : undefined
  }

  /** The value in memory, otherwise the one in the store. */
  async get(id: string): Promise<Value> {
    return this.cached(id) ?? this.load(id)
  }

  /** The value in the store, regardless of memory. */
  load(id: string, reader = ''): Promise<Value> {
    const { feed, read, keeps = () => true } = this.#options
    if (!feed.fresh) return read(id, reader)
    const running = this.#reading.get(id)?.get(reader)
    if (running) return running
    const reading = read(id, reader).then(
      (value) => {
        if (this.#end(id, reader, reading)) {
          if (value !== undefined && keeps(value)) this.#values.set(id, value)
          else if (this.cached(id, reader) !== undefined) this.#values.delete(id)
        }
        return value
      },
      (error: unknown) => {
        this.#end(id, reader, reading)
        throw error
      },
    )
    const readings = this.#reading.get(id)
    if (readings) readings.set(reader, reading)
    else this.#reading.set(id, new Map([[reader, reading]]))
    return reading
  }

  /** Call it once a change is in the store, before it is acknowledged. */
  forget(id: string): void {
    this.#values.delete(id)
    this.#reading.delete(id)
  }

  forgetAll(): void {
    this.#values.clear()
    this.#reading.clear()
  }

  /** Notes that a read has ended; returns whether no change overtook it. */
  #end(id: string, reader: string, reading: Promise<Value>): boolean {
    const readings = this.#reading.get(id)
    if (readings?.get(reader) !== reading) return false
    readings.delete(reader)
    if (readings.size === 0) this.#reading.delete(id)
    return true
  }
}
