/** RSA's private operations that node:crypto offers in synchronous form only: 0.3 to 1.5 ms each, so for the crypto workers. */
import { constants, privateDecrypt, privateEncrypt } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** RSASP1 (RFC 8017 §5.2.1) of an encoded message as long as the modulus: what turns an encoded digest into a signature. */
export function rsaSignEncoded(key: KeyObject, encoded: Uint8Array): Buffer {
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)
}

/**
 * PKCS #1 v1.5 decryption of a ciphertext as long as the modulus; undefined when it is not below the modulus. OpenSSL rejects bad padding
 * implicitly: it answers bytes derived from the key and the ciphertext, so that no difference shows (draft-irtf-cfrg-rsa-guidance).
 */
export function rsaDecryptPkcs1(key: KeyObject, ciphertext: Uint8Array): Buffer | undefined {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, ciphertext)
  } catch {
    return undefined
  }
}
