// What a command is, and what carries it out: commands/ make TpmCommands, the connection runs them.
import type { TpmReader } from '../structures/reader.ts'
import type { Session } from './session.ts'

/**
 * What a command acts on. A number is a handle whose Name is the handle itself: a hierarchy, a PCR, a session. Objects and NV indices have a Name of their
 * own, which sessions authenticate (TPM 2.0 Library, Part 1, "Names"); with a password a number does for them too.
 */
export type Entity = number | { readonly handle: number; readonly name: Uint8Array }

/** How the use of an entity is authorised: by its authorization value (empty if there is none), or by a session. */
export type Authorization = Uint8Array | SessionAuthorization

export interface SessionAuthorization {
  readonly session: Session
  /** The entity's authorization value, for an HMAC session; empty unless given. */
  readonly authValue?: Uint8Array
}

/** One command before its authorization is computed. */
export interface TpmCommand {
  /** TPM_CC. */
  readonly code: number
  /** The handle area. Handles that need authorization come first in every command. */
  readonly handles: readonly { readonly entity: Entity; readonly authorization?: Authorization }[]
  readonly parameters: Uint8Array
  /** The response begins with a handle of something that the TPM has made. */
  readonly returnsHandle?: true
  /** Whether the first parameter of the command, or of the response, is a TPM2B: a session can encrypt those. */
  readonly sizedFirst?: 'command' | 'response' | 'both'
  /** The handle that no longer exists after the command. */
  readonly flushes?: number
}

export interface TpmResponse {
  /** Given for commands that return one. */
  readonly handle: number | undefined
  /** The parameter area, decrypted. */
  readonly parameters: TpmReader
}

/** A TPM that several callers may use at once: each command waits for those before it. */
export interface Tpm {
  /** Runs a command. Throws TpmResponseError when the TPM refuses it, TpmError when the connection or the response is broken. */
  execute(command: TpmCommand): Promise<TpmResponse>
  /**
   * Has the TPM to itself for several commands: others wait until the work is done. Transient objects and sessions that the work has made through the `Tpm`
   * given to it are flushed at its end, also when it fails. When `signal` aborts, the caller has its reason at once; the command under way still ends,
   * later ones are not sent, and everything is flushed.
   */
  exclusive<T>(work: (tpm: Tpm) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>
}

export const handleOf = (entity: Entity): number => (typeof entity === 'number' ? entity : entity.handle)
