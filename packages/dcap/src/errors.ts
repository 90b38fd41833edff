/**
 * A quote that cannot be read; `field` names the place.
 *
 * @example
 * parseQuote(new Uint8Array(3)) // throws QuoteError
 */
export class QuoteError extends Error {
  override readonly name = 'QuoteError'
  readonly field: string

  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

/**
 * Collateral that cannot be read or fetched; `field` names the part.
 *
 * @example
 * readCollateralJson('{}') // throws CollateralError
 */
export class CollateralError extends Error {
  override readonly name = 'CollateralError'
  readonly field: string

  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

/**
 * No quote can be produced here: the platform's interface is absent, refuses, or answers with something else.
 *
 * @example
 * await gramineProvider({ path: '/nowhere' }).quote(new Uint8Array(64)) // throws QuoteProviderError
 */
export class QuoteProviderError extends Error {
  override readonly name = 'QuoteProviderError'
}
