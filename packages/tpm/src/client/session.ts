// An authorization session's own state: nonces, key, and what is computed from them.
// Source: TPM 2.0 Library, Part 1, "Session-Based Authorizations" and "Session-based encryption".
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { TpmError } from '../error.ts'
import { digestSizes } from '../hash.ts'
import type { HashAlgorithm } from '../hash.ts'
import { kdfa } from '../kdf.ts'

/** Hashes of sessions: those that node:crypto has. */
export type SessionHash = Exclude<HashAlgorithm, 'sm3'>
export type SessionKind = 'hmac' | 'policy' | 'trial'

/** TPMA_SESSION (Part 2, §8.4). */
export const sessionAttributes = { continueSession: 0x01, decrypt: 0x20, encrypt: 0x40 } as const

const AES_KEY_SIZE = 16
const AES_BLOCK_SIZE = 16

export interface SessionState {
  handle: number
  kind: SessionKind
  hash: SessionHash
  nonceCaller: Uint8Array
  nonceTpm: Uint8Array
  /** Shared with the TPM through the salt; empty without a salt. */
  sessionKey: Uint8Array
  /** Encrypt the first parameter of commands and responses with AES-128 in CFB mode. */
  encrypts: boolean
}

/** A session that is loaded in the TPM. Its nonces change with every use, so one use at a time, which the connection's queue ensures. */
export class Session {
  readonly handle: number
  readonly kind: SessionKind
  readonly hash: SessionHash
  readonly encrypts: boolean
  readonly #key: Uint8Array
  #nonceCaller: Uint8Array
  #nonceTpm: Uint8Array

  constructor({ handle, kind, hash, nonceCaller, nonceTpm, sessionKey, encrypts }: SessionState) {
    this.handle = handle
    this.kind = kind
    this.hash = hash
    this.encrypts = encrypts
    this.#key = sessionKey
    this.#nonceCaller = nonceCaller
    this.#nonceTpm = nonceTpm
  }

  /** The nonce for the next command. */
  rollCaller(): Uint8Array {
    this.#nonceCaller = randomBytes(digestSizes[this.hash])
    return this.#nonceCaller
  }

  /** The nonce of a response. */
  rollTpm(nonce: Uint8Array): void {
    this.#nonceTpm = nonce
  }

  /** The nonce of the last response. */
  get nonceTpm(): Uint8Array {
    return this.#nonceTpm
  }

  /**
   * The HMAC of a command; empty where no key is known to both sides (Part 1, "HMAC Computation"). `encryptingNonce`: in the first session's, the nonce of the
   * TPM of another one that encrypts; else empty.
   */
  commandHmac(cpHash: Uint8Array, attributes: number, authValue: Uint8Array, encryptingNonce: Uint8Array): Uint8Array {
    return this.#hmac(cpHash, this.#nonceCaller, Buffer.concat([this.#nonceTpm, encryptingNonce]), attributes, authValue)
  }

  /** Refuses a response that does not come from the TPM which holds the session; call after rollTpm. Throws TpmError. */
  checkResponse(rpHash: Uint8Array, attributes: number, authValue: Uint8Array, found: Uint8Array): void {
    const expected = this.#hmac(rpHash, this.#nonceTpm, this.#nonceCaller, attributes, authValue)
    if (expected.length !== found.length || !timingSafeEqual(expected, found))
      throw new TpmError("the HMAC of the response is wrong: it was changed on its way, or is another TPM's", { field: 'hmac' })
  }

  encryptCommand(data: Uint8Array, authValue: Uint8Array): Uint8Array {
    const { key, iv } = this.#cipherKey(this.#nonceCaller, this.#nonceTpm, authValue)
    const cipher = createCipheriv('aes-128-cfb', key, iv)
    return new Uint8Array(Buffer.concat([cipher.update(data), cipher.final()]))
  }

  decryptResponse(data: Uint8Array, authValue: Uint8Array): Uint8Array {
    const { key, iv } = this.#cipherKey(this.#nonceTpm, this.#nonceCaller, authValue)
    const decipher = createDecipheriv('aes-128-cfb', key, iv)
    return new Uint8Array(Buffer.concat([decipher.update(data), decipher.final()]))
  }

  #hmac(parameterHash: Uint8Array, newer: Uint8Array, older: Uint8Array, attributes: number, authValue: Uint8Array): Uint8Array {
    // A policy session shows the authorization value only under TPM2_PolicyAuthValue, which nothing here uses.
    const key = this.kind === 'hmac' ? Buffer.concat([this.#key, withoutTrailingZeros(authValue)]) : this.#key
    if (key.length === 0 && this.kind !== 'hmac') return new Uint8Array(0)
    const mac = createHmac(this.hash, key).update(parameterHash).update(newer).update(older)
    return mac.update(Uint8Array.of(attributes)).digest()
  }

  #cipherKey(newer: Uint8Array, older: Uint8Array, authValue: Uint8Array) {
    const secret = Buffer.concat([this.#key, withoutTrailingZeros(authValue)])
    const bytes = kdfa(this.hash, secret, 'CFB', newer, older, 8 * (AES_KEY_SIZE + AES_BLOCK_SIZE))
    return { key: bytes.subarray(0, AES_KEY_SIZE), iv: bytes.subarray(AES_KEY_SIZE) }
  }
}

/** Authorization values count without the zeros at their end (Part 1, "Authorization Values"). */
function withoutTrailingZeros(value: Uint8Array): Uint8Array {
  return value.subarray(0, value.findLastIndex((byte) => byte !== 0) + 1)
}
