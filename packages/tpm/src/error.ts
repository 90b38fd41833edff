/**
 * Malformed or unsupported input; `field` names the place, `offset` the byte where known.
 *
 * @example
 * parseAttest(new Uint8Array(4)) // throws TpmError
 */
export class TpmError extends Error {
  override readonly name = 'TpmError'
  readonly field: string | undefined
  readonly offset: number | undefined

  constructor(message: string, place: { field?: string | undefined; offset?: number | undefined; cause?: unknown } = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause })
    this.field = place.field
    this.offset = place.offset
  }
}
