import { ServiceError, type ErrorCode } from '../../src/foundation/errors.ts'

/** For assert.rejects: the refusal with this code. */
export function refusal(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ServiceError && error.code === code
}
