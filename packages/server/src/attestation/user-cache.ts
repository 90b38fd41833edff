/** What is kept in memory of users' resources, loaded when it is first needed and forgotten when another server or this one changes it. */
import { ReadThroughCache } from '../foundation/index.ts'
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
  readonly #cache: ReadThroughCache<T>
  /** Those that were asked for: the few types of evidence there are. */
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
        // A version of the FSK that was missing makes rows verify that did not.
        if (kind === 'signing-key') this.#cache.forgetAll()
      },
      reset: () => this.#cache.forgetAll(),
    })
  }

  /** A part of what belongs to the user, as it is now; there are few parts. */
  get(user: string, part = ''): Promise<T> {
    this.#parts.add(part)
    return this.#cache.get(JSON.stringify([user, part]))
  }

  /** Call it after a change that this process made. */
  forget(user: string): void {
    for (const part of this.#parts) this.#cache.forget(JSON.stringify([user, part]))
  }
}
