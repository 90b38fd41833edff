/** node:crypto's callback forms as promises: the work runs on libuv's thread pool, on copies of the bytes. */
import { sign, verify } from 'node:crypto'
import type { KeyLike, SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto'

export function signOnThreadPool(digest: string, message: Uint8Array, key: KeyLike | SignKeyObjectInput): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(digest, message, key, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
}

export function verifyOnThreadPool(
  digest: string,
  message: Uint8Array,
  key: KeyLike | VerifyKeyObjectInput,
  signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digest, message, key, signature, (error, valid) => (error ? reject(error) : resolve(valid)))
  })
}
