import type { KeyObject } from 'node:crypto'
import { constants, publicDecrypt } from 'node:crypto'
import { verifyEcdsaDigest } from './ecdsa-digest.ts'

/** DigestInfo up to the digest, by the kernel's name of the algorithm. Source: RFC 8017, 9.2, note 1. */
const DIGEST_INFO: ReadonlyMap<string, { prefix: string; size: number }> = new Map([
  ['sha1', { prefix: '3021300906052b0e03021a05000414', size: 20 }],
  ['sha224', { prefix: '302d300d06096086480165030402040500041c', size: 28 }],
  ['sha256', { prefix: '3031300d060960864801650304020105000420', size: 32 }],
  ['sha384', { prefix: '3041300d060960864801650304020205000430', size: 48 }],
  ['sha512', { prefix: '3051300d060960864801650304020305000440', size: 64 }],
])

/** Whether signatures over digests of that algorithm can be verified. */
export function isSignatureHash(algorithm: string): boolean {
  return DIGEST_INFO.has(algorithm)
}

/**
 * Verifies an RSA PKCS#1 v1.5 signature (RFC 8017, 8.2.2) or a DER-encoded ECDSA one over a digest, by the type of the key.
 * Throws TpmError for a curve that is not supported; keys of other types verify nothing.
 */
export function verifyDigestSignature(key: KeyObject, algorithm: string, digest: Uint8Array, signature: Uint8Array): boolean {
  const info = DIGEST_INFO.get(algorithm)
  if (info === undefined || digest.length !== info.size) return false
  if (key.asymmetricKeyType === 'ec') return verifyEcdsaDigest(key, digest, signature)
  if (key.asymmetricKeyType !== 'rsa') return false
  const tail = Buffer.concat([Buffer.from(info.prefix, 'hex'), digest])
  const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  const padding = size - tail.length - 3
  if (padding < 8 || signature.length !== size) return false
  const expected = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(padding, 0xff), Buffer.of(0), tail])
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature).equals(expected)
  } catch {
    return false // a number that is not below the modulus
  }
}
