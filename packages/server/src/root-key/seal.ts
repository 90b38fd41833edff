import type { KeyObject } from 'node:crypto'

/** The key that wraps the domain keys, and nothing else. */
export interface RootKey {
  /** Names the key without telling anything of it; stored beside what it wraps, so that a foreign key is noticed. */
  id: string
  key: KeyObject
}

/** How the bytes of a root key are kept from others. A token (PKCS#11) that wraps them would be one more. */
export const SEAL_KINDS = ['file', 'passphrase', 'tpm2'] as const
export type SealKind = (typeof SEAL_KINDS)[number]

/** What a new root key is to be protected by; what is left out is as it is configured. */
export interface SealChoice {
  kind: SealKind
  passphrase?: string | undefined
}

/**
 * Where the root key comes from. Implementations refuse with a {@link SealError} that says what to do.
 */
export interface Seal {
  /** The root key with this id, or for null the only one; undefined where there is none at all. */
  load(id: string | null): Promise<RootKey | undefined>
  /** Makes and keeps a new root key; never replaces one. Called only for a store that holds no domain key. */
  create(): Promise<RootKey>
  /** Makes a root key and keeps it beside the one in use, in place of one that was staged before; durable when it resolves. */
  stage(choice: SealChoice): Promise<RootKey>
  /** If the root key with this id is a staged one: puts it in the place of the other, which is then gone. */
  settle(id: string): Promise<void>
  /** What protects the root key in use, if there is one. */
  kind(): Promise<SealKind | undefined>
  /** Where it lies, for messages. */
  describe(): string
}

/** One way to keep the bytes of a root key: what it makes of them is stored as JSON fields. */
export interface Protector {
  readonly kind: SealKind
  protect(bytes: Uint8Array, id: string): Promise<Record<string, unknown>>
  /**
   * The caller zeroes the result.
   * @throws {SealError}
   */
  reveal(fields: Readonly<Record<string, unknown>>, id: string): Promise<Buffer>
}

/** The root of trust can't be used as it is; nothing was changed. */
export class SealError extends Error {
  override readonly name = 'SealError'
}
