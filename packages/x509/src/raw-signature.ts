import { createPublicKey, verify } from 'node:crypto'

/** Algorithms whose raw public keys {@link verifyRaw} takes: RFC 8032, and FIPS 204 with an empty context. */
export type RawAlgorithm = 'ed25519' | 'ml-dsa-44'

/** What a SubjectPublicKeyInfo has before the raw key (RFC 8410 §4, RFC 9881 §4). */
const PREFIXES: Record<RawAlgorithm, Buffer> = {
  ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  'ml-dsa-44': Buffer.from('30820532300b060960864801650304031103820521' + '00', 'hex'),
}

/**
 * Whether a signature by a raw public key is right; false for a key that is none. The signatures of transparency logs and witnesses are
 * verified with it.
 *
 * @example
 * verifyRaw('ed25519', new Uint8Array(32), new Uint8Array(), new Uint8Array(64)) // → false
 */
export function verifyRaw(algorithm: RawAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([PREFIXES[algorithm], publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  } catch {
    // No point of the curve, or another length.
    return false
  }
}
