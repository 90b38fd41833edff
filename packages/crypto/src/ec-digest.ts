/**
 * ECDSA over precomputed digests, which node:crypto does not offer, with @noble/curves. Not constant-time and slow at first use (it
 * makes a table per curve): for the crypto workers only. Signatures are `r ‖ s`; high s is as good as low s, as in OpenSSL.
 */
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import type { EcSpec } from './spec.ts'

const ALGORITHMS: Readonly<Record<EcSpec, () => Promise<ECDSA>>> = {
  EH_EC_P224: async () => (await import('./p224.ts')).p224,
  EH_EC_P256: async () => (await import('@noble/curves/nist.js')).p256,
  EH_EC_P256K: async () => (await import('@noble/curves/secp256k1.js')).secp256k1,
  EH_EC_P384: async () => (await import('@noble/curves/nist.js')).p384,
  EH_EC_P521: async () => (await import('@noble/curves/nist.js')).p521,
}

/** Signs a digest of any offered length; the nonce is that of RFC 6979, hedged with fresh randomness (§3.6) unless `hedged` is false. */
export async function ecSignDigest(spec: EcSpec, scalar: Uint8Array, digest: Uint8Array, hedged = true): Promise<Uint8Array> {
  const algorithm = await ALGORITHMS[spec]()
  return algorithm.sign(digest, scalar, { prehash: false, lowS: false, extraEntropy: hedged })
}

/** Whether `signature` is one of the digest under the public `point`; r or s out of range is false. */
export async function ecVerifyDigest(spec: EcSpec, point: Uint8Array, digest: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const algorithm = await ALGORITHMS[spec]()
  try {
    return algorithm.verify(signature, digest, point, { prehash: false, lowS: false })
  } catch {
    return false
  }
}
