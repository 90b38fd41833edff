/** A quote that cannot be read; `field` names the place. */
export class QuoteError extends Error {
  override readonly name = 'QuoteError'
  readonly field: string

  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

/** Collateral that cannot be read or fetched; `field` names the part. */
export class CollateralError extends Error {
  override readonly name = 'CollateralError'
  readonly field: string

  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

/** No quote can be produced here: the platform's interface is absent, refuses, or answers with something else. */
export class QuoteProviderError extends Error {
  override readonly name = 'QuoteProviderError'
}
