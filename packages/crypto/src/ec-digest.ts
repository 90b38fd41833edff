/**
 * ECDSA over precomputed digests, which node:crypto does not offer, with @noble/curves. Not constant-time and slow at first use (it
 * makes a table per curve): for the crypto workers only. Signatures are `r ‖ s`; high s is as good as low s, as in OpenSSL.
 */
import { curveOf } from './spec.ts'
import type { EcSpec } from './spec.ts'

/** Signs a digest of any offered length; the nonce is that of RFC 6979, hedged with fresh randomness (§3.6) unless `hedged` is false. */
export async function ecSignDigest(spec: EcSpec, scalar: Uint8Array, digest: Uint8Array, hedged = true): Promise<Uint8Array> {
  const algorithm = await curveOf(spec).load()
  return algorithm.sign(digest, scalar, { prehash: false, lowS: false, extraEntropy: hedged })
}

/** Whether `signature` is one of the digest under the public `point`; r or s out of range is false. */
export async function ecVerifyDigest(spec: EcSpec, point: Uint8Array, digest: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const algorithm = await curveOf(spec).load()
  try {
    return algorithm.verify(signature, digest, point, { prehash: false, lowS: false })
  } catch {
    return false
  }
}
