/** What is kept in memory of users' resources, loaded when it is first needed and forgotten when another server or this one changes it. */
import { LRUCache } from 'lru-cache'
import type { ChangeFeed, ChangeKind } from '../storage/index.ts'

export interface UserCacheOptions<T extends object> {
  feed: ChangeFeed
  /** Changes of this kind, of the user, make what is kept out of date. */
  kind: ChangeKind
  /** What an entry counts for, against `maxSize`; an entry that is larger than that is not kept. */
  sizeOf: (value: T) => number
  maxSize: number
  load: (user: string, part: string) => Promise<T>
}

export class UserCache<T extends object> {
  readonly #options: UserCacheOptions<T>
  readonly #values: LRUCache<string, Map<string, T>>
  /** Loads under way, so that many who ask at once cost one. */
  readonly #loading = new Map<string, Map<string, Promise<T>>>()

  constructor(options: UserCacheOptions<T>) {
    this.#options = options
    const sizeOf = (parts: Map<string, T>) => [...parts.values()].reduce((sum, value) => sum + Math.max(1, options.sizeOf(value)), 0)
    this.#values = new LRUCache({ maxSize: options.maxSize, sizeCalculation: sizeOf })
    options.feed.subscribe({
      changed: (kind, user) => {
        if (kind === options.kind) this.forget(user)
        // A version of the FSK that was missing makes rows verify that did not.
        if (kind === 'signing-key') this.#forgetAll()
      },
      reset: () => this.#forgetAll(),
    })
  }

  /** A part of what belongs to the user, as it is now. */
  async get(user: string, part = ''): Promise<T> {
    const { feed, load } = this.#options
    // Without news of changes nothing that is kept can be trusted.
    if (!feed.fresh) return load(user, part)
    const known = this.#values.get(user)?.get(part) ?? this.#loading.get(user)?.get(part)
    if (known) return known
    const loading = load(user, part)
    const underWay = this.#loading.get(user) ?? new Map<string, Promise<T>>()
    this.#loading.set(user, underWay.set(part, loading))
    try {
      const value = await loading
      // A change that came meanwhile has removed it from there.
      if (this.#loading.get(user)?.get(part) === loading) this.#values.set(user, new Map(this.#values.get(user)).set(part, value))
      return value
    } finally {
      if (underWay.get(part) === loading) underWay.delete(part)
      if (underWay.size === 0 && this.#loading.get(user) === underWay) this.#loading.delete(user)
    }
  }

  /** Call it after a change that this process made. */
  forget(user: string): void {
    this.#values.delete(user)
    this.#loading.delete(user)
  }

  #forgetAll(): void {
    this.#values.clear()
    this.#loading.clear()
  }
}
