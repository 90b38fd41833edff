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
  /** Reads it from the store; undefined if there is none. */
  read: (id: string) => Promise<Value>
  /** A number of entries, or the sum of their sizes. */
  bound: LRUCache.Options<string, NonNullable<Value>, unknown>
  /** Whether a value may be kept; all may by default. */
  keeps?: (value: NonNullable<Value>) => boolean
}

export class ReadThroughCache<Value extends object | undefined> {
  readonly #options: ReadThroughCacheOptions<Value>
  readonly #values: LRUCache<string, NonNullable<Value>>
  readonly #reading = new Map<string, Promise<Value>>()

  constructor(options: ReadThroughCacheOptions<Value>) {
    this.#options = options
    this.#values = new LRUCache(options.bound)
  }

  get size(): number {
    return this.#values.size
  }

  /** The value in memory, if it can be trusted. */
  cached(id: string): NonNullable<Value> | undefined {
    return this.#options.feed.fresh ? this.#values.get(id) : undefined
  }

  /** The value in memory, otherwise the one in the store. */
  async get(id: string): Promise<Value> {
    return this.cached(id) ?? this.load(id)
  }

  /** The value in the store, regardless of memory. */
  load(id: string): Promise<Value> {
    const { feed, read, keeps = () => true } = this.#options
    if (!feed.fresh) return read(id)
    const running = this.#reading.get(id)
    if (running) return running
    const reading = read(id).then(
      (value) => {
        if (this.#end(id, reading)) {
          if (value !== undefined && keeps(value)) this.#values.set(id, value)
          else this.#values.delete(id)
        }
        return value
      },
      (error: unknown) => {
        this.#end(id, reading)
        throw error
      },
    )
    this.#reading.set(id, reading)
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
  #end(id: string, reading: Promise<Value>): boolean {
    return this.#reading.get(id) === reading && this.#reading.delete(id)
  }
}
