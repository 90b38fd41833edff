/**
 * What is kept in memory of the store's rows: read when it is first needed, forgotten when anyone changes it.
 *
 * Invariants: of one thing one read is under way at a time, shared by all who ask meanwhile; what a change overtook is given to those who
 * had asked before the change, but is neither kept nor shared with later ones; while there is no news of changes nothing that is kept or under way
 * is given; failures and absences are not kept; the size is bounded. A hit is one look-up, without waiting.
 */
import { LRUCache } from 'lru-cache'

export interface ReadThroughCacheOptions<Value extends object | undefined> {
  /** Whether changes are heard of at present. */
  feed: { readonly fresh: boolean }
  /** Reads it from the store; undefined where there is none. */
  read: (id: string) => Promise<Value>
  /** By number of entries, or by their sizes. */
  bound: LRUCache.Options<string, NonNullable<Value>, unknown>
  /** Whether a value may be kept; by default all may. */
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

  /** What is in memory, where that may be trusted. */
  cached(id: string): NonNullable<Value> | undefined {
    return this.#options.feed.fresh ? this.#values.get(id) : undefined
  }

  /** What is in memory, else what is in the store. */
  async get(id: string): Promise<Value> {
    return this.cached(id) ?? this.load(id)
  }

  /** What is in the store, whatever is in memory. */
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

  /** Notes that a read has ended; whether no change overtook it. */
  #end(id: string, reading: Promise<Value>): boolean {
    return this.#reading.get(id) === reading && this.#reading.delete(id)
  }
}
