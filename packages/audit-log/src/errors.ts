/**
 * Bytes or a text that cannot be read as what they should be; `field` names the place.
 *
 * @example
 * parseCheckpoint('no checkpoint') // throws LogFormatError
 */
export class LogFormatError extends Error {
  override readonly name = 'LogFormatError'
  readonly field: string

  constructor(field: string, message: string) {
    super(`${field}: ${message}`)
    this.field = field
  }
}

/**
 * A tile that the tree's size requires is not there.
 *
 * @example
 * await inclusionProof(sha256, async () => undefined, 0, 2) // throws MissingTileError
 */
export class MissingTileError extends Error {
  override readonly name = 'MissingTileError'
  readonly path: string

  constructor(path: string) {
    super(`${path} is missing`)
    this.path = path
  }
}

/**
 * A signature that does not verify, or one that is required and absent.
 *
 * @example
 * verifyNote(parseNote(checkpoint), [], verifySignature) // throws SignatureError
 */
export class SignatureError extends Error {
  override readonly name = 'SignatureError'
}
