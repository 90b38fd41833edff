/**
 * SM4 (GB/T 32907) in CTR mode, `ciphertext ‖ IV(16)`, and in CBC mode with PKCS#7 padding, `padded ciphertext ‖ IV(16)`. Neither
 * mode has integrity: an altered ciphertext decrypts to altered bytes (CTR) or at best fails its padding (CBC).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoInputError, decryptionFailed } from './errors.ts'
import { nextIv } from './iv-pool.ts'

const BLOCK_BYTES = 16

export type Sm4Mode = 'sm4-ctr' | 'sm4-cbc'

/** Encrypts at least one byte under a fresh random IV. @throws CryptoInputError 'input_length' for an empty plaintext. */
export function sm4Encrypt(mode: Sm4Mode, key: KeyObject, plaintext: Uint8Array): Buffer {
  if (plaintext.length === 0) throw new CryptoInputError('input_length', 'SM4 encrypts at least one byte.')
  const iv = nextIv(BLOCK_BYTES)
  const cipher = createCipheriv(mode, key, iv)
  const body = cipher.update(plaintext)
  const last = cipher.final()
  const out = Buffer.allocUnsafe(body.length + last.length + BLOCK_BYTES)
  out.set(body, 0)
  out.set(last, body.length)
  out.set(iv, body.length + last.length)
  return out
}

/**
 * Inverse of `sm4Encrypt`. @throws CryptoInputError 'decryption_failed' when there is nothing before the IV or the padding is not PKCS#7.
 */
export function sm4Decrypt(mode: Sm4Mode, key: KeyObject, ciphertext: Uint8Array): Buffer {
  const length = ciphertext.length - BLOCK_BYTES
  if (length <= 0) throw decryptionFailed()
  const decipher = createDecipheriv(mode, key, ciphertext.subarray(length))
  const body = decipher.update(ciphertext.subarray(0, length))
  let last: Buffer
  try {
    last = decipher.final()
  } catch {
    body.fill(0)
    throw decryptionFailed()
  }
  if (last.length === 0) return body
  const plaintext = Buffer.allocUnsafeSlow(body.length + last.length)
  plaintext.set(body, 0)
  plaintext.set(last, body.length)
  body.fill(0)
  last.fill(0)
  return plaintext
}
