/**
 * All operations on keys behind one object, by spec. Where each runs is decided here, so that nothing takes longer than about a
 * millisecond on the calling thread: symmetric work and the quick curves inline; RSA, P-384 and P-521 on the thread pool; SM2, ECDSA
 * over precomputed digests, RSA's bare private operation and PKCS #1 v1.5 decryption on worker threads.
 */
import type { KeyObject } from 'node:crypto'
import { gcmDecrypt, gcmEncrypt } from './aes-gcm.ts'
import { createCryptoWorkers } from './crypto-workers.ts'
import { ecSign, ecVerify } from './ec.ts'
import { CryptoInputError, decryptionFailed } from './errors.ts'
import { hmacSign, hmacVerify } from './hmac.ts'
import { checkValue, decodeKey, encodeKey, generateKey, publicKeyPem } from './key-material.ts'
import { publicHalf, requirePrivate } from './public-key.ts'
import {
  requireEncryptionPadding,
  rsaDecryptOaep,
  rsaEncodeDigest,
  rsaEncrypt,
  rsaMaxPlaintext,
  rsaSign,
  rsaVerify,
  rsaVerifyDigest,
} from './rsa.ts'
import { sm4Decrypt, sm4Encrypt } from './sm4.ts'
import type { Sm4Mode } from './sm4.ts'
import { requireDigestLength, specInfo, wrongKeyKind } from './spec.ts'
import type { Digest, EcSpec, KeySpec, Padding } from './spec.ts'

/** The longest plaintext of one call; longer ones are for data keys. */
const MAX_SYMMETRIC_PLAINTEXT = 6144
/** SM2 has no limit of its own; this is the product's. */
const MAX_SM2_PLAINTEXT = 255

export interface SignOptions {
  /** Default sha256; SM2 always takes sm3. */
  digest?: Digest
  /** RSA only; default pkcs1. */
  padding?: Padding
  /** The input is the digest itself, not the message. For SM2 the digest is treated as the message. */
  prehashed?: boolean
}

/**
 * What can be done with keys. Bytes of any `Uint8Array` are taken, results are the caller's own. A caller's mistake is a
 * `CryptoInputError`, a full queue a `CryptoBusyError`, thrown or rejected; anything else is a fault.
 */
export interface KeyCrypto extends AsyncDisposable {
  /** A new secret or private key; key pairs are made off the calling thread. */
  generate(spec: KeySpec): Promise<KeyObject>
  /** What is wrapped at rest: raw bytes (symmetric, HMAC) or PKCS#8 DER. The caller zeroes it. */
  encode(spec: KeySpec, key: KeyObject): Buffer
  /** Inverse of `encode`; the bytes stay the caller's to zero. @throws 'key_material' unless length, modulus or curve fit the spec. */
  decode(spec: KeySpec, bytes: Uint8Array): KeyObject
  /** RSA: PKCS#1 `RSA PUBLIC KEY`; EC and SM2: SPKI `PUBLIC KEY`. @throws 'wrong_key_kind' for symmetric and HMAC keys. */
  publicKeyPem(spec: KeySpec, key: KeyObject): string
  /** Key check value: six upper-case hex digits. */
  checkValue(spec: KeySpec, key: KeyObject): string
  /** AES-GCM and SM4, inline. SM4 ignores `aad` and needs at least one byte. */
  encrypt(spec: KeySpec, key: KeyObject, plaintext: Uint8Array, aad?: Uint8Array): Buffer
  /** @throws 'decryption_failed' for anything that does not decrypt. */
  decrypt(spec: KeySpec, key: KeyObject, ciphertext: Uint8Array, aad?: Uint8Array): Buffer
  /** RSA (default OAEP with SHA-256) and SM2 (DER; padding ignored), under a private or a public key. */
  asymmetricEncrypt(spec: KeySpec, key: KeyObject, plaintext: Uint8Array, padding?: Padding): Promise<Buffer>
  /** Inverse of `asymmetricEncrypt`. PKCS #1 v1.5 answers random-looking bytes for bad padding instead of failing: prefer OAEP. */
  asymmetricDecrypt(spec: KeySpec, key: KeyObject, ciphertext: Uint8Array, padding?: Padding): Promise<Buffer>
  /**
   * The longest plaintext in bytes: enforced by `asymmetricEncrypt`; for symmetric keys the bound on one request, enforced by its edge.
   */
  maxPlaintext(spec: KeySpec, padding?: Padding): number
  /** HMAC, RSA, ECDSA (DER) and SM2 (DER) signatures; a promise only where the work does not run inline. */
  sign(spec: KeySpec, key: KeyObject, input: Uint8Array, options?: SignOptions): Buffer | Promise<Buffer>
  /** With a private or a public key. A signature that is malformed or has the wrong length is false. */
  verify(spec: KeySpec, key: KeyObject, input: Uint8Array, signature: Uint8Array, options?: SignOptions): boolean | Promise<boolean>
  /** Jobs waiting for a worker thread. */
  readonly queued: number
}

export interface KeyCryptoOptions {
  /** Worker threads at most, each started when it is first needed; default 1. */
  workers?: number
  /** Jobs that may wait for them; default 1024. */
  maxQueue?: number
}

export function createKeyCrypto({ workers = 1, maxQueue = 1024 }: KeyCryptoOptions = {}): KeyCrypto {
  const threads = createCryptoWorkers(workers, maxQueue)

  return {
    generate: generateKey,
    encode: encodeKey,
    decode: decodeKey,
    publicKeyPem,
    checkValue,

    encrypt(spec, key, plaintext, aad) {
      const { family, bits } = specInfo(spec)
      if (family === 'aes-gcm') return gcmEncrypt(bits, key, plaintext, aad)
      if (family === 'sm4') return sm4Encrypt(spec as Sm4Mode, key, plaintext)
      throw wrongKeyKind(spec, 'encrypt symmetrically')
    },

    decrypt(spec, key, ciphertext, aad) {
      const { family, bits } = specInfo(spec)
      if (family === 'aes-gcm') return gcmDecrypt(bits, key, ciphertext, aad)
      if (family === 'sm4') return sm4Decrypt(spec as Sm4Mode, key, ciphertext)
      throw wrongKeyKind(spec, 'decrypt symmetrically')
    },

    async asymmetricEncrypt(spec, key, plaintext, padding = 'oaep') {
      const { family, bits } = specInfo(spec)
      if (family === 'rsa') return rsaEncrypt(bits, publicHalf(spec, key), plaintext, padding)
      if (family === 'sm2') {
        requireSm2Length(plaintext)
        return threads.sm2Encrypt(publicHalf(spec, key), plaintext)
      }
      throw wrongKeyKind(spec, 'encrypt asymmetrically')
    },

    async asymmetricDecrypt(spec, key, ciphertext, padding = 'oaep') {
      const { family, bits } = specInfo(spec)
      if (family !== 'rsa' && family !== 'sm2') throw wrongKeyKind(spec, 'decrypt asymmetrically')
      requirePrivate(spec, key, 'decrypt')
      if (family === 'sm2') return threads.sm2Decrypt(key, ciphertext)
      requireEncryptionPadding(padding)
      if (ciphertext.length !== bits / 8) throw decryptionFailed()
      if (padding === 'oaep') return rsaDecryptOaep(key, ciphertext)
      return threads.rsaDecryptPkcs1(key, ciphertext)
    },

    maxPlaintext(spec, padding = 'oaep') {
      const { family, bits, usages } = specInfo(spec)
      if (family === 'rsa') return rsaMaxPlaintext(bits, padding)
      if (family === 'sm2') return MAX_SM2_PLAINTEXT
      if (usages.includes('encrypt')) return MAX_SYMMETRIC_PLAINTEXT
      throw wrongKeyKind(spec, 'encrypt')
    },

    sign(spec, key, input, { digest = 'sha256', padding = 'pkcs1', prehashed = false } = {}) {
      const { family, bits, symmetric } = specInfo(spec)
      if (!symmetric) requirePrivate(spec, key, 'sign')
      switch (family) {
        case 'hmac':
          if (prehashed) throw noPrehashedHmac()
          return hmacSign(digest, key, input)
        case 'rsa':
          if (prehashed) return threads.rsaSignEncoded(key, rsaEncodeDigest(bits, digest, input, padding))
          return rsaSign(bits, digest, key, input, padding)
        case 'ec':
          if (!prehashed) return ecSign(spec as EcSpec, digest, key, input)
          requireDigestLength(digest, input)
          return threads.ecSignDigest(spec as EcSpec, key, input)
        case 'sm2':
          return threads.sm2Sign(key, publicHalf(spec, key), input)
        default:
          throw wrongKeyKind(spec, 'sign')
      }
    },

    verify(spec, key, input, signature, { digest = 'sha256', padding = 'pkcs1', prehashed = false } = {}) {
      const { family, bits } = specInfo(spec)
      switch (family) {
        case 'hmac':
          if (prehashed) throw noPrehashedHmac()
          return hmacVerify(digest, key, input, signature)
        case 'rsa':
          if (prehashed) return rsaVerifyDigest(bits, digest, publicHalf(spec, key), input, signature, padding)
          return rsaVerify(bits, digest, publicHalf(spec, key), input, signature, padding)
        case 'ec':
          if (!prehashed) return ecVerify(spec as EcSpec, digest, publicHalf(spec, key), input, signature)
          requireDigestLength(digest, input)
          return threads.ecVerifyDigest(spec as EcSpec, publicHalf(spec, key), input, signature)
        case 'sm2':
          return threads.sm2Verify(publicHalf(spec, key), input, signature)
        default:
          throw wrongKeyKind(spec, 'verify')
      }
    },

    get queued() {
      return threads.queued
    },

    [Symbol.asyncDispose]: () => threads.close(),
  }
}

function noPrehashedHmac(): CryptoInputError {
  return new CryptoInputError('digest', 'HMAC takes the message itself, not its digest.', { family: 'hmac', prehashed: true })
}

function requireSm2Length({ length }: Uint8Array): void {
  if (length > 0 && length <= MAX_SM2_PLAINTEXT) return
  const message = `SM2 encrypts 1 to ${MAX_SM2_PLAINTEXT} bytes, got ${length}.`
  throw new CryptoInputError('input_length', message, { family: 'sm2', limit: MAX_SM2_PLAINTEXT, length })
}
