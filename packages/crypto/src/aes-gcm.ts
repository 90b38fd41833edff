/**
 * AES-GCM with 128, 192 and 256 bit keys (NIST SP 800-38D), laid out as `ciphertext ‖ IV(12) ‖ TAG(16)`. This is the hottest code of
 * the product: it makes one output buffer and no needless copies.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { decryptionFailed } from './errors.ts'
import { nextIv } from './iv-pool.ts'

const IV_BYTES = 12
const TAG_BYTES = 16
const OVERHEAD = IV_BYTES + TAG_BYTES
const CIPHERS = { 128: 'aes-128-gcm', 192: 'aes-192-gcm', 256: 'aes-256-gcm' } as const

function cipherName(bits: number): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  return CIPHERS[bits as keyof typeof CIPHERS]
}

/** Encrypts under a fresh random IV; the result is 28 bytes longer than the plaintext. */
export function gcmEncrypt(bits: number, key: KeyObject, plaintext: Uint8Array, aad?: Uint8Array): Buffer {
  const length = plaintext.length
  const out = Buffer.allocUnsafe(length + OVERHEAD)
  const iv = nextIv(IV_BYTES)
  out.set(iv, length)
  const cipher = createCipheriv(cipherName(bits), key, iv)
  if (aad !== undefined && aad.length > 0) cipher.setAAD(aad)
  out.set(cipher.update(plaintext), 0)
  cipher.final()
  out.set(cipher.getAuthTag(), length + IV_BYTES)
  return out
}

/**
 * Inverse of `gcmEncrypt`. @throws CryptoInputError 'decryption_failed' for a wrong key, wrong additional data, any altered byte, or too
 * short an input.
 */
export function gcmDecrypt(bits: number, key: KeyObject, ciphertext: Uint8Array, aad?: Uint8Array): Buffer {
  const length = ciphertext.length - OVERHEAD
  if (length < 0) throw decryptionFailed()
  const ivEnd = length + IV_BYTES
  const decipher = createDecipheriv(cipherName(bits), key, ciphertext.subarray(length, ivEnd))
  decipher.setAuthTag(ciphertext.subarray(ivEnd))
  if (aad !== undefined && aad.length > 0) decipher.setAAD(aad)
  const plaintext = decipher.update(ciphertext.subarray(0, length))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw decryptionFailed()
  }
  return plaintext
}
