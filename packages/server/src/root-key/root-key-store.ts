import type { KeyObject } from 'node:crypto'

/** The key that wraps the domain keys, and nothing else. */
export interface RootKey {
  /** Identifies the key and reveals nothing about it; stored beside what it wraps, so that a wrong key is noticed. */
  id: string
  key: KeyObject
}

/** How the bytes of a root key are protected. A token (PKCS#11) that wraps them would be one more kind. */
export const PROTECTOR_KINDS = ['file', 'passphrase', 'tpm2'] as const
export type ProtectorKind = (typeof PROTECTOR_KINDS)[number]

/** What is to protect a new root key; fields left out are as configured. */
export interface ProtectorChoice {
  kind: ProtectorKind
  passphrase?: string | undefined
}

/**
 * Where root keys are kept. (Operators call what protects a root key its seal: `--seal`, `vouchsafe seal show`.) Implementations throw a {@link SealError} that says what to do.
 */
export interface RootKeyStore {
  /** The root key with this id, or the only one for null; undefined if there is none at all. */
  load(id: string | null): Promise<RootKey | undefined>
  /** Creates and stores a new root key; never replaces one. Called only for a store that holds no domain key. */
  create(): Promise<RootKey>
  /** Creates a root key and stores it beside the one in use, replacing one that was staged before; durable when it resolves. */
  stage(choice: ProtectorChoice): Promise<RootKey>
  /** If the root key with this id is staged, it replaces the one in use, which is then gone. */
  settle(id: string): Promise<void>
  /** What protects the root key in use, if there is one. */
  kind(): Promise<ProtectorKind | undefined>
  /** Where it lies, for messages. */
  describe(): string
}

/** One way to protect the bytes of a root key: the protected form is stored as JSON fields. */
export interface Protector {
  readonly kind: ProtectorKind
  protect(bytes: Uint8Array, id: string): Promise<Record<string, unknown>>
  /**
   * The caller zeroes the result.
   * @throws {SealError}
   */
  reveal(fields: Readonly<Record<string, unknown>>, id: string): Promise<Buffer>
}

/** The root of trust cannot be used as it is; nothing was changed. */
export class SealError extends Error {
  override readonly name = 'SealError'
}
