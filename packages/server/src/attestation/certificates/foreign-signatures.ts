/**
 * Signatures that others made, of certificates, CRLs, policies and baselines: chains are walked on the serving thread, but nothing is computed with foreign
 * keys there. A walk runs until it asks for a signature whose verdict isn't known; that is verified on a thread of Node's pool (SM2: on a crypto worker), and the walk begins
 * again. So a walk asks for exactly the signatures that it would have verified itself, and each turn of the serving thread is short.
 *
 * Few are verified at once, so that the pool has threads left for others; the queue is bounded, in all and for each user, and users take turns. What one
 * request may ask for is bounded by its budget.
 */
import { createHash } from 'node:crypto'
import { CryptoBusyError, type KeyCrypto } from '@vouchsafe/crypto'
import { bitString, integer, oid, sequence } from '@vouchsafe/der/writer'
import { importPublicKey, parsePublicKeyInfo, verifySignatureAside } from '@vouchsafe/x509'
import type { Signed, SignatureOptions } from '@vouchsafe/x509'
import { ServiceError, invalid } from '../../foundation/index.ts'

const EC_KEY = '1.2.840.10045.2.1'
const SM2_CURVE = '1.2.156.10197.1.301'
const MAX_RUNNING = 2
const MAX_WAITING = 1_024
const MAX_WAITING_OF_USER = 256
/** Of a request for one chain, which tries at most 64 itself; and for what it needs of lists. */
const DEFAULT_BUDGET = 128
/** Of a request that needs many chains: enough for evidence of 64 nodes with a chain of their own each, and for uploads, where each signer has one. */
export const MAX_SIGNATURES = 512

/** How many signatures a request may still have verified. */
export class SignatureBudget {
  #left: number

  constructor(signatures = DEFAULT_BUDGET) {
    this.#left = signatures
  }

  /** @throws {ServiceError} `invalid` once it is used up */
  spend(): void {
    if (this.#left-- <= 0) throw invalid('certificates', ': too many signatures would have to be verified for one request')
  }
}

interface Waiting {
  run: () => Promise<boolean>
  resolve: (verdict: Promise<boolean>) => void
}

interface Sm2Question {
  point: Uint8Array
  message: Uint8Array
  signature: Uint8Array
}

export class ForeignSignatures {
  readonly #crypto: Pick<KeyCrypto, 'verify'>
  /** Keys that made the signature of a certificate or list, which stays so. Keys that did not are not kept: others choose how many there are. */
  readonly #signers = new WeakMap<Signed, Set<string>>()
  /** By user, in the order of their turns. */
  readonly #queues = new Map<string, Waiting[]>()
  #running = 0
  #waiting = 0

  constructor({ crypto }: { crypto: Pick<KeyCrypto, 'verify'> }) {
    this.#crypto = crypto
  }

  /**
   * Runs `walk`, which has no side effects, until it needs no signature whose verdict isn't known.
   * @throws {ServiceError} `busy` if too many wait; `invalid` if the budget is used up
   */
  async settle<T>(
    user: string,
    walk: (options: Pick<SignatureOptions, 'decide' | 'sm2Verify'>) => T,
    budget = new SignatureBudget(),
  ): Promise<T> {
    const refused = new Map<Signed, Set<string>>()
    const sm2Verdicts = new Map<string, boolean>()
    for (;;) {
      let next: (() => Promise<void>) | undefined
      const result = walk({
        decide: (question) => {
          const key = question.key.spki.toString('latin1')
          if (this.#signers.get(question.signed)?.has(key)) return true
          if (!refused.get(question.signed)?.has(key))
            next ??= async () => {
              const valid = await this.#enqueue(user, () => verifySignatureAside(question))
              note(valid ? this.#signers : refused, question.signed, key)
            }
          return false
        },
        sm2Verify: (point, message, signature) => {
          const place = createHash('sha256').update(point).update(signature).update(message).digest('base64')
          const known = sm2Verdicts.get(place)
          if (known === undefined)
            next ??= async () => void sm2Verdicts.set(place, await this.#enqueue(user, () => this.#sm2({ point, message, signature })))
          return known ?? false
        },
      })
      if (!next) return result
      budget.spend()
      await next()
    }
  }

  /**
   * Verifies one signature, which `run` does off the serving thread, when it is the user's turn.
   * @throws {ServiceError} `busy` if too many wait; `invalid` if the budget is used up
   */
  async verify(user: string, run: () => Promise<boolean>, budget: SignatureBudget): Promise<boolean> {
    budget.spend()
    return this.#enqueue(user, run)
  }

  async #enqueue(user: string, run: () => Promise<boolean>): Promise<boolean> {
    const queue = this.#queues.get(user) ?? []
    if (this.#waiting >= MAX_WAITING || queue.length >= MAX_WAITING_OF_USER)
      throw new ServiceError('busy', { detail: 'too many signatures wait to be verified' })
    return new Promise((resolve) => {
      this.#queues.set(user, queue)
      queue.push({ run, resolve })
      this.#waiting++
      this.#dispatch()
    })
  }

  #dispatch(): void {
    while (this.#running < MAX_RUNNING && this.#waiting > 0) {
      const [user, queue] = this.#queues.entries().next().value!
      const { run, resolve } = queue.shift()!
      // Behind the others.
      this.#queues.delete(user)
      if (queue.length > 0) this.#queues.set(user, queue)
      this.#waiting--
      this.#running++
      resolve(
        run().finally(() => {
          this.#running--
          this.#dispatch()
        }),
      )
    }
  }

  async #sm2({ point, message, signature }: Sm2Question): Promise<boolean> {
    const spki = sequence(sequence(oid(EC_KEY), oid(SM2_CURVE)), bitString(point))
    const half = signature.length / 2
    const [r, s] = [signature.subarray(0, half), signature.subarray(half)].map((part) => BigInt(`0x${part.toHex()}`))
    try {
      return await this.#crypto.verify('sm2', importPublicKey(parsePublicKeyInfo(spki)), message, sequence(integer(r!), integer(s!)))
    } catch (error) {
      if (error instanceof CryptoBusyError) throw new ServiceError('busy', { cause: error })
      // A point that isn't on the curve.
      return false
    }
  }
}

function note(
  keys: Pick<Map<Signed, Set<string>>, 'get'> & { set(signed: Signed, keys: Set<string>): unknown },
  signed: Signed,
  key: string,
): void {
  keys.set(signed, (keys.get(signed) ?? new Set<string>()).add(key))
}
