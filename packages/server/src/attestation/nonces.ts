/**
 * Nonces: issued without being stored, bound to their user, accepted once (contract §5, §6; decisions "Nonces").
 *
 * The value is 64 bytes: 32 random ones, which a quote covers, and an HMAC over them, the time of issue and the user. The HMAC's key is derived
 * from the NSK that signs the nonce, so that it shows under which version a nonce was made, and guesses cost no signature verification.
 * Used nonces are recorded in the store, so that each is used only once, across restarts and servers.
 */
import type { Principal } from '../access/index.ts'
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { ServiceError, invalid, type Runtime } from '../foundation/index.ts'
import { NONCE_ALGORITHM, signBytes, verifyBytes, type SigningKey, type SigningKeys } from '../signing-keys/index.ts'
import type { Storage, UsedNonceRow } from '../storage/index.ts'
import { bytesOfBase64 } from './base64.ts'

const RANDOM_BYTES = 32
const VALUE_BYTES = 64
const VALID_SECONDS = 120
const FUTURE_SECONDS = 60
/** Used nonces are remembered this long after they expire: the wall clock may be set back by that much. */
const REMEMBERED_MS = 10 * 60 * 1000
/**
 * A nonce that was checked this long ago and has waited since is no longer used: another use may be about to be forgotten, by a server
 * whose clock is ahead.
 */
const LATE_MS = 5 * 60 * 1000
const PURGE_BATCH = 10_000
/**
 * Used nonces that this server remembers by itself, until they expire, since a row of the store can be deleted: some minutes' worth at any rate
 * that one server reaches. Beyond it the oldest are left to the store alone.
 */
const OWN_USED = 200_000
/** How many of our own signatures are recognised without verification; older ones, and those of other servers, are verified. */
const KNOWN_SIGNATURES = 4_096
/** Bytes of a nonce, ours or the user's, that a quote carries (contract §6.1, G1). */
const QUOTED_BYTES = 32

/** A nonce on the wire; `iat` in seconds since 1970, the others standard base64. */
export interface Nonce {
  iat: number
  value: string
  signature: string
}

export interface NonceStatistics {
  issued: number
  used: number
  /** Expired, forged, foreign or used before. */
  refused: number
}

interface Waiter {
  row: UsedNonceRow
  resolve: (isNew: boolean) => void
  reject: (reason: unknown) => void
}

export class Nonces {
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #signingKeys: SigningKeys
  readonly #bindingKeys = new WeakMap<SigningKey, Buffer>()
  readonly statistics: NonceStatistics = { issued: 0, used: 0, refused: 0 }
  /** By value. */
  readonly #signatures = new LRUCache<string, string>({ max: KNOWN_SIGNATURES })
  /** When each nonce that this server has used expires, by its digest in hex, in the order of use. */
  readonly #used = new Map<string, number>()
  #waiting: Waiter[] = []
  #writing = false

  constructor(services: { storage: Storage; runtime: Runtime; signingKeys: SigningKeys }) {
    this.#storage = services.storage
    this.#runtime = services.runtime
    this.#signingKeys = services.signingKeys
  }

  /** A new nonce for a user. */
  async issue({ tenant: user }: Principal): Promise<Nonce> {
    const key = await this.#signingKeys.current('NSK')
    const iat = Math.floor(this.#runtime.now() / 1000)
    const random = this.#runtime.randomBytes(RANDOM_BYTES)
    const value = Buffer.concat([random, this.#binding(key, random, iat, user)]).toString('base64')
    const bytes = await signBytes(key.privateKey, NONCE_ALGORITHM, signedText({ iat, value }))
    const signature = bytes.toString('base64')
    this.#signatures.set(value, signature)
    this.statistics.issued++
    return { iat, value, signature }
  }

  /**
   * Checks that the nonce is ours, this user's and fresh; returns what its quote must contain. This does not use the nonce.
   * @throws {ServiceError} `nonce_expired` or `nonce_invalid`
   */
  async check(user: string, nonce: Nonce): Promise<Uint8Array> {
    try {
      return await this.#check(user, nonce)
    } catch (error) {
      if (error instanceof ServiceError && !error.serverFault) this.statistics.refused++
      throw error
    }
  }

  /**
   * Uses a nonce that {@link check} has accepted: call it after the quote's signature has been verified and before a token is made.
   * @throws {ServiceError} `nonce_used` if it was used before, here or on another server; `nonce_expired` if it was checked too long ago
   */
  async use(user: string, nonce: Nonce): Promise<void> {
    const digest = createHash('sha256')
      .update(`${Buffer.byteLength(user)} ${user}${nonce.value}`)
      .digest()
    const validUntil = (nonce.iat + VALID_SECONDS) * 1000
    if (this.#runtime.now() > validUntil + LATE_MS) {
      this.statistics.refused++
      throw new ServiceError('nonce_expired')
    }
    const expiresAt = validUntil + REMEMBERED_MS
    const isNew = await new Promise<boolean>((resolve, reject) => {
      this.#waiting.push({ row: { digest, expiresAt }, resolve, reject })
      void this.#write()
    })
    if (!isNew || !this.#noteUsed(digest.toString('hex'), expiresAt)) {
      this.statistics.refused++
      throw new ServiceError('nonce_used')
    }
    this.statistics.used++
  }

  /** Deletes used nonces that are no longer needed. */
  async purge(): Promise<void> {
    while ((await this.#storage.purgeUsedNonces({ now: this.#runtime.now(), limit: PURGE_BATCH })) === PURGE_BATCH);
  }

  /** False if this server has used it before, whatever the store says. */
  #noteUsed(digest: string, expiresAt: number): boolean {
    if (this.#used.has(digest)) return false
    const now = this.#runtime.now()
    for (const [oldest, expires] of this.#used) {
      if (expires > now && this.#used.size < OWN_USED) break
      this.#used.delete(oldest)
    }
    this.#used.set(digest, expiresAt)
    return true
  }

  async #check(user: string, { iat, value, signature }: Nonce): Promise<Uint8Array> {
    const now = this.#runtime.now() / 1000
    if (!Number.isSafeInteger(iat) || iat < 0) throw refused('nonce.iat is not a time in seconds')
    const bytes = bytesOfBase64(value)
    if (bytes?.length !== VALUE_BYTES) throw refused(`nonce.value is not base64 of ${VALUE_BYTES} bytes`)
    const proof = bytesOfBase64(signature)
    if (!proof) throw refused('nonce.signature is not base64')
    if (iat > now + FUTURE_SECONDS) throw refused('nonce.iat lies in the future')
    const random = bytes.subarray(0, RANDOM_BYTES)
    const binding = bytes.subarray(RANDOM_BYTES)
    const key = await this.#signingKeys.find('NSK', (each) => timingSafeEqual(this.#binding(each, random, iat, user), binding))
    // The binding has proved the time: a signature made here covers it.
    const signed =
      key && (this.#signatures.get(value) === signature || verifyBytes(key.publicKey, NONCE_ALGORITHM, signedText({ iat, value }), proof))
    if (!signed) throw new ServiceError('nonce_invalid')
    if (now - iat > VALID_SECONDS) throw new ServiceError('nonce_expired')
    return quotedBytes(random)
  }

  #binding(key: SigningKey, random: Uint8Array, iat: number, user: string): Buffer {
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(iat))
    return createHmac('sha256', this.#bindingKey(key)).update(random).update(time).update(user).digest()
  }

  #bindingKey(key: SigningKey): Buffer {
    let bindingKey = this.#bindingKeys.get(key)
    if (!bindingKey) {
      const der = key.privateKey.export({ format: 'der', type: 'pkcs8' })
      bindingKey = Buffer.from(hkdfSync('sha256', der, '', 'vouchsafe nonce binding', 32))
      der.fill(0)
      this.#bindingKeys.set(key, bindingKey)
    }
    return bindingKey
  }

  /** Records everything that is waiting in one write; later arrivals go with the next. */
  async #write(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        const outcomes = await this.#storage.insertUsedNonces({ rows: batch.map(({ row }) => row) })
        batch.forEach(({ resolve }, index) => resolve(outcomes[index]!))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#writing = false
  }
}

/**
 * The bytes of a nonce of the user's own (`user_nonce`): 64 to 1024 characters of base64.
 * @throws {ServiceError} `invalid` naming the field
 */
export function readUserNonce(userNonce: string): Uint8Array {
  const bytes = userNonce.length >= 64 && userNonce.length <= 1024 ? bytesOfBase64(userNonce) : undefined
  if (!bytes) throw invalid('userNonce', 'is not base64 of 64 to 1024 characters')
  return bytes
}

/** What a quote's extraData must equal: the first 32 bytes of the nonce, or all if there are fewer. */
export function quotedBytes(nonce: Uint8Array): Uint8Array {
  return nonce.subarray(0, QUOTED_BYTES)
}

/** The decimal text of the time, then the text of the value, with nothing in between (contract §6). */
function signedText({ iat, value }: Pick<Nonce, 'iat' | 'value'>): Buffer {
  return Buffer.from(`${iat}${value}`)
}

function refused(reason: string): ServiceError {
  return new ServiceError('nonce_invalid', { message: `The nonce is invalid: ${reason}`, facts: { reason } })
}
