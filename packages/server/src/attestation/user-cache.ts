/** Users' resources kept in memory: loaded when first needed, and forgotten when this or another server changes them. */
import { ReadThroughCache } from '../foundation/index.ts'
import type { ChangeFeed, ChangeKind } from '../storage/index.ts'

export interface UserCacheOptions<T extends object> {
  feed: ChangeFeed
  /** The user's changes of this kind invalidate the entry. */
  kind: ChangeKind
  /** The size of an entry, counted against `maxSize`; a larger entry is not kept. */
  sizeOf: (value: T) => number
  maxSize: number
  load: (user: string, part: string) => Promise<T>
}

export class UserCache<T extends object> {
  readonly #cache: ReadThroughCache<T>
  /** Those requested so far: there are few types of evidence. */
  readonly #parts = new Set<string>()

  constructor({ feed, kind: wanted, sizeOf, maxSize, load }: UserCacheOptions<T>) {
    this.#cache = new ReadThroughCache<T>({
      feed,
      read(place) {
        const [user, part] = JSON.parse(place) as [string, string]
        return load(user, part)
      },
      bound: { maxSize, sizeCalculation: (value) => Math.max(1, sizeOf(value)) },
    })
    feed.subscribe({
      changed: (kind, user) => {
        if (kind === wanted) this.forget(user)
        // Once a missing version of the FSK arrives, rows verify that did not before.
        if (kind === 'signing-key') this.#cache.forgetAll()
      },
      reset: () => this.#cache.forgetAll(),
    })
  }

  /** One part of the user's resources in its current state; there are few parts. */
  get(user: string, part = ''): Promise<T> {
    this.#parts.add(part)
    return this.#cache.get(JSON.stringify([user, part]))
  }

  /** Call this after a change made by this process. */
  forget(user: string): void {
    for (const part of this.#parts) this.#cache.forget(JSON.stringify([user, part]))
  }
}
