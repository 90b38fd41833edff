/** Why an input was refused. */
export type CryptoInputCode = 'decryption_failed' | 'wrong_key_kind' | 'input_length' | 'padding' | 'digest' | 'key_material'

/** Lengths and limits are in bytes. */
export type CryptoFacts = Readonly<Record<string, string | number | boolean>>

/**
 * A caller's mistake. The message is public: it names specs, paddings and limits, and never holds key material, plaintext or a library's
 * own text.
 */
export class CryptoInputError extends Error {
  readonly code: CryptoInputCode
  /** The facts of the message as values, for callers that word it differently. */
  readonly facts: CryptoFacts

  constructor(code: CryptoInputCode, message: string, facts: CryptoFacts = {}) {
    super(message)
    this.name = 'CryptoInputError'
    this.code = code
    this.facts = facts
  }
}

/** The crypto workers have as many jobs waiting as they may have: nothing was done, the caller may try again. */
export class CryptoBusyError extends Error {
  readonly code = 'crypto_busy'

  constructor() {
    super('Too many operations are waiting, please try again.')
    this.name = 'CryptoBusyError'
  }
}

/** The one answer to everything that does not decrypt, so that it reveals nothing about the reason. */
export function decryptionFailed(): CryptoInputError {
  return new CryptoInputError('decryption_failed', 'This does not decrypt under this key.')
}
