/**
 * SM2 (GB/T 32918) with sm-crypto-v2, for worker threads only: it is slow and not constant-time. The library does not fail
 * closed, so every result is judged here: ranges before verification, an empty decryption is a failure, a throw is a refusal.
 */
import { sm2 } from 'sm-crypto-v2'
import type { Sm2Ciphertext } from './ec-encoding.ts'

/** The signer id of GM/T 0009 §10, which both OpenSSL's users and eHSM-KMS take. */
const USER_ID = '1234567812345678'
const ORDER = BigInt('0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123')

// The library's two ciphertext layouts; this is the standard's newer one.
const C1C3C2 = 1

/** A signature's nonce and the abscissa of its multiple of the base point. */
export interface Sm2Nonce {
  k: bigint
  x1: bigint
}

/**
 * Signs Z ‖ message with SM3; `r ‖ s`. The point is the signer's own. A given nonce is for the known answer test alone: used twice,
 * it reveals the key.
 */
export function sm2Sign(scalar: Uint8Array, point: Uint8Array, message: Uint8Array, nonce?: Sm2Nonce): Uint8Array {
  const options = { hash: true, publicKey: point.toHex(), userId: USER_ID, ...(nonce && { pointPool: [nonce] }) }
  return Buffer.from(sm2.doSignature(message, scalar.toHex(), options), 'hex')
}

/** Whether `signature`, `r ‖ s`, is one of `message`; r or s out of [1, n-1] is false. */
export function sm2Verify(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return verified(point, message, signature, { hash: true, userId: USER_ID })
}

/** The same of a hash of 32 bytes that was signed as it is, without the signer's Z, as TPMs do (TPM 2.0 Library, Part 1, Annex C). */
export function sm2VerifyHash(point: Uint8Array, hash: Uint8Array, signature: Uint8Array): boolean {
  return hash.length === 32 && verified(point, hash, signature, { hash: false })
}

function verified(point: Uint8Array, input: Uint8Array, signature: Uint8Array, options: { hash: boolean; userId?: string }): boolean {
  const r = toInteger(signature.subarray(0, 32))
  const s = toInteger(signature.subarray(32))
  if (signature.length !== 64 || r === 0n || r >= ORDER || s === 0n || s >= ORDER) return false
  try {
    return sm2.doVerifySignature(input, signature.toHex(), point.toHex(), options) === true
  } catch {
    return false
  }
}

/** Encrypts at least one byte. A mask of zeros, which would leave the plaintext as it is, is drawn again (GB/T 32918.4 §6.1 A5). */
export function sm2Encrypt(point: Uint8Array, plaintext: Uint8Array): Sm2Ciphertext {
  for (;;) {
    const raw = Buffer.from(sm2.doEncrypt(plaintext, point.toHex(), C1C3C2), 'hex')
    const c2 = raw.subarray(96)
    if (!c2.equals(plaintext)) return { c1: raw.subarray(0, 64), c3: raw.subarray(64, 96), c2 }
  }
}

/** Decrypts; undefined for a point off the curve, another key, any altered byte, or a mask of zeros (GB/T 32918.4 §7.1 B4). */
export function sm2Decrypt(scalar: Uint8Array, { c1, c3, c2 }: Sm2Ciphertext): Uint8Array | undefined {
  let plaintext: Uint8Array
  try {
    plaintext = sm2.doDecrypt(c1.toHex() + c3.toHex() + c2.toHex(), scalar.toHex(), C1C3C2, { output: 'array' })
  } catch {
    return undefined
  }
  if (plaintext.length === 0 || plaintext.length !== c2.length || Buffer.compare(plaintext, c2) === 0) return undefined
  return plaintext
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x0${bytes.toHex()}`)
}
