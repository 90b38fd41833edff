/** HMAC (FIPS 198-1) under a 256-bit key: the full MAC, with a choice of digest. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { digestBytes } from './spec.ts'
import type { Digest } from './spec.ts'

/** The MAC of `input`, as long as the digest. @throws CryptoInputError 'digest' for one that is not offered. */
export function hmacSign(digest: Digest, key: KeyObject, input: Uint8Array): Buffer {
  digestBytes(digest)
  return createHmac(digest, key).update(input).digest()
}

/** Whether `mac` is the full MAC of `input`, compared in constant time; any other length is false. */
export function hmacVerify(digest: Digest, key: KeyObject, input: Uint8Array, mac: Uint8Array): boolean {
  const expected = hmacSign(digest, key, input)
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}
