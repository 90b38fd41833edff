/** ECDSA over messages (FIPS 186-5 §6), DER signatures. The quick curves run inline, the slow ones on the thread pool. */
import { sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { curveOf, digestBytes } from './spec.ts'
import type { Digest, EcSpec } from './spec.ts'
import { signOnThreadPool, verifyOnThreadPool } from './thread-pool.ts'

/** Signs `message`; the DER signature varies in length. */
export function ecSign(spec: EcSpec, digest: Digest, key: KeyObject, message: Uint8Array): Buffer | Promise<Buffer> {
  digestBytes(digest)
  return curveOf(spec).quick ? sign(digest, message, key) : signOnThreadPool(digest, message, key)
}

/** Whether `signature` is one of `message`; OpenSSL accepts strict DER only. */
export function ecVerify(
  spec: EcSpec,
  digest: Digest,
  publicKey: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | Promise<boolean> {
  digestBytes(digest)
  return curveOf(spec).quick ? verify(digest, message, publicKey, signature) : verifyOnThreadPool(digest, message, publicKey, signature)
}
