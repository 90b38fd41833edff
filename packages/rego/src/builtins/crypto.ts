/** Digests and MACs. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { allocateText, spend } from '../run/budget.ts'
import { builtin } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Bytes that are hashed for one step. */
const BYTES_PER_STEP = 32
const DIGESTS = ['md5', 'sha1', 'sha256'] as const
const MACS = ['md5', 'sha1', 'sha256', 'sha512'] as const

export const cryptoBuiltins: readonly BuiltinSpec[] = [
  ...DIGESTS.map((digest) =>
    builtin(`crypto.${digest}`, ['string'], 'string', (text: string) => {
      spend(text.length / BYTES_PER_STEP)
      return createHash(digest).update(text).digest('hex')
    }),
  ),
  ...MACS.map((digest) =>
    builtin(`crypto.hmac.${digest}`, ['string', 'string'], 'string', (text: string, key: string) => {
      spend((text.length + key.length) / BYTES_PER_STEP)
      return createHmac(digest, key).update(text).digest('hex')
    }),
  ),
  builtin('crypto.hmac.equal', ['string', 'string'], 'boolean', (a: string, b: string) => {
    allocateText(3 * a.length)
    allocateText(3 * b.length)
    const [left, right] = [Buffer.from(a), Buffer.from(b)]
    return left.length === right.length && timingSafeEqual(left, right)
  }),
]
