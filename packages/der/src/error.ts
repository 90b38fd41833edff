/** What is wrong with bytes that should be DER, or with a value that has no encoding. The message names the field; it never quotes the bytes. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export function malformed(field: string, problem: string): DerError {
  return new DerError(`${field}: ${problem}`)
}
