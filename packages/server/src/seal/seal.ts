import type { KeyObject } from 'node:crypto'

/** The key that wraps the domain keys, and nothing else. */
export interface RootKey {
  /** Names the key without telling anything of it; stored beside what it wraps, so that a foreign key is noticed. */
  id: string
  key: KeyObject
}

/**
 * Where the root key comes from. One file a kind; the server knows only this interface.
 * Implementations refuse with a {@link SealError} that says what to do.
 */
export interface Seal {
  readonly kind: string
  /** The existing root key, or undefined where there is none. */
  load(): Promise<RootKey | undefined>
  /** Makes and keeps a new root key; never replaces one. Called only for a store that holds no domain key. */
  create(): Promise<RootKey>
  /** Where it lies, for messages. */
  describe(): string
}

/** The root of trust can't be used as it is; nothing was changed. */
export class SealError extends Error {
  override readonly name = 'SealError'
}
