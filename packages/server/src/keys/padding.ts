import type { Padding } from '@vouchsafe/crypto'
import { invalid } from '../foundation/index.ts'

/** A padding of RSA as a caller may ask for it; `none` is raw RSA, which is never done: it keeps nothing secret and proves nothing. */
export type AskedPadding = Padding | 'none' | undefined

/** The padding that an RSA key is to use. @throws {ServiceError} `invalid` for none at all */
export function checkedPadding(asked: AskedPadding): Padding | undefined {
  if (asked === 'none') throw invalid('padding', 'must be PKCS1, PSS or OAEP for an RSA key')
  return asked
}
