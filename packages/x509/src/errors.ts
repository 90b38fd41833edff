import { DerError } from '@vouchsafe/der'

/**
 * A fault in untrusted bytes or in a caller's request. The message names the field; it never quotes the bytes.
 *
 * @example
 * try {
 *   parseCertificate(new Uint8Array())
 * } catch (error) {
 *   error instanceof X509Error && error.code // → 'malformed'
 * }
 */
export class X509Error extends Error {
  /** `malformed`: not the encoding that it must be; `limit`: larger than allowed; `unsupported`: well formed, but not handled here. */
  readonly code: 'malformed' | 'limit' | 'unsupported'

  constructor(code: X509Error['code'], message: string) {
    super(message)
    this.name = 'X509Error'
    this.code = code
  }
}

export function malformed(field: string, problem: string): X509Error {
  return new X509Error('malformed', `${field}: ${problem}`)
}

/** Runs `work`, which reads or writes DER: what is wrong with that is thrown as an X509Error. */
export function withX509Errors<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw x509ErrorOf(error)
  }
}

export function x509ErrorOf(error: unknown): unknown {
  return error instanceof DerError ? new X509Error('malformed', error.message) : error
}
