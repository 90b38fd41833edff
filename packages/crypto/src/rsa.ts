/**
 * RSA (RFC 8017): encryption with OAEP (SHA-256, MGF1 with SHA-256, empty label) or PKCS #1 v1.5, signatures with PKCS #1 v1.5 or PSS
 * (salt as long as the digest, MGF1 with the same digest). Public operations take 0.02–0.1 ms and run inline; private ones never do.
 */
import { constants, publicDecrypt, publicEncrypt, subtle, timingSafeEqual, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoInputError, decryptionFailed } from './errors.ts'
import { emsaPkcs1, emsaPss, emsaPssMatches } from './rsa-encoding.ts'
import { digestBytes, requireDigestLength } from './spec.ts'
import type { Digest, Padding } from './spec.ts'
import { signOnThreadPool } from './thread-pool.ts'

const OAEP = { name: 'RSA-OAEP', hash: 'SHA-256' } as const
type OaepKey = ReturnType<KeyObject['toCryptoKey']>
const oaepKeys = new WeakMap<KeyObject, OaepKey>()

/** How many bytes a modulus of `bits` bits encrypts. @throws CryptoInputError 'padding' for PSS. */
export function rsaMaxPlaintext(bits: number, padding: Padding): number {
  requireEncryptionPadding(padding)
  return bits / 8 - (padding === 'oaep' ? 2 * 32 + 2 : 11)
}

/** Encrypts up to `rsaMaxPlaintext` bytes. @throws CryptoInputError 'padding' or 'input_length'. */
export function rsaEncrypt(bits: number, publicKey: KeyObject, plaintext: Uint8Array, padding: Padding): Buffer {
  const limit = rsaMaxPlaintext(bits, padding)
  if (plaintext.length > limit) {
    const name = padding === 'oaep' ? 'OAEP with SHA-256' : 'PKCS #1 v1.5'
    throw new CryptoInputError('input_length', `RSA-${bits} with ${name} encrypts at most ${limit} bytes, got ${plaintext.length}.`)
  }
  return padding === 'oaep'
    ? publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, plaintext)
    : publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, plaintext)
}

/** OAEP decryption on the thread pool. @throws CryptoInputError 'decryption_failed', whatever the reason. */
export async function rsaDecryptOaep(key: KeyObject, ciphertext: Uint8Array): Promise<Buffer> {
  let oaepKey = oaepKeys.get(key)
  if (oaepKey === undefined) {
    oaepKey = key.toCryptoKey(OAEP, false, ['decrypt'])
    oaepKeys.set(key, oaepKey)
  }
  try {
    return Buffer.from(await subtle.decrypt({ name: 'RSA-OAEP' }, oaepKey, new Uint8Array(ciphertext)))
  } catch (error) {
    if (error instanceof DOMException && error.name === 'OperationError') throw decryptionFailed()
    throw error
  }
}

/** Signs a message on the thread pool. @throws CryptoInputError 'padding' or 'digest'. */
export function rsaSign(bits: number, digest: Digest, key: KeyObject, message: Uint8Array, padding: Padding): Promise<Buffer> {
  return signOnThreadPool(digest, message, { key, ...signaturePadding(bits, digest, padding) })
}

/**
 * Whether `signature` is one of `message`. One that is not as long as the modulus is false (RFC 8017, 8.1.2 and 8.2.2, step 1): OpenSSL
 * itself accepts a PSS signature without its leading zero bytes. @throws CryptoInputError 'padding' or 'digest'.
 */
export function rsaVerify(
  bits: number,
  digest: Digest,
  publicKey: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
  padding: Padding,
): boolean {
  const key = { key: publicKey, ...signaturePadding(bits, digest, padding) }
  return signature.length === bits / 8 && verify(digest, message, key, signature)
}

/** A precomputed digest, encoded for RSA's bare private operation. @throws CryptoInputError 'padding', 'digest' or 'input_length'. */
export function rsaEncodeDigest(bits: number, digest: Digest, hash: Uint8Array, padding: Padding): Buffer {
  requireDigestLength(digest, hash)
  signaturePadding(bits, digest, padding)
  return padding === 'pss' ? emsaPss(digest, hash, bits / 8) : emsaPkcs1(digest, hash, bits / 8)
}

/** Whether `signature` is one of a precomputed digest. @throws CryptoInputError 'padding', 'digest' or 'input_length'. */
export function rsaVerifyDigest(
  bits: number,
  digest: Digest,
  publicKey: KeyObject,
  hash: Uint8Array,
  signature: Uint8Array,
  padding: Padding,
): boolean {
  requireDigestLength(digest, hash)
  signaturePadding(bits, digest, padding)
  if (signature.length !== bits / 8) return false
  let encoded: Buffer
  try {
    encoded = publicDecrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, signature)
  } catch {
    return false // Not below the modulus.
  }
  // PKCS #1 v1.5 is compared as a whole, so that nothing in it can be lax (Bleichenbacher's forgery against e = 3).
  return padding === 'pss' ? emsaPssMatches(digest, hash, encoded) : timingSafeEqual(encoded, emsaPkcs1(digest, hash, bits / 8))
}

function signaturePadding(bits: number, digest: Digest, padding: Padding): { padding: number; saltLength?: number } {
  const hashLength = digestBytes(digest)
  if (padding === 'pkcs1') return { padding: constants.RSA_PKCS1_PADDING }
  if (padding !== 'pss') throw new CryptoInputError('padding', 'RSA signatures use PKCS #1 v1.5 or PSS padding.')
  if (2 * hashLength + 2 > bits / 8) throw new CryptoInputError('digest', `RSA-${bits} is too short for PSS with ${digest}.`)
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashLength }
}

/** @throws CryptoInputError 'padding' for anything but OAEP and PKCS #1 v1.5. */
export function requireEncryptionPadding(padding: Padding): void {
  if (padding !== 'oaep' && padding !== 'pkcs1') throw new CryptoInputError('padding', 'RSA encryption uses OAEP or PKCS #1 v1.5 padding.')
}
