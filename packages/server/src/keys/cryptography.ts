/** Callers' operations with their keys. No function here returns private material, except the data keys that it is asked to generate. */
import { checkedPadding, type AskedPadding } from './padding.ts'
import type { Principal } from '../access/index.ts'
import { CryptoBusyError, CryptoInputError, type Digest, type KeyCrypto, type Padding } from '@vouchsafe/crypto'
import { onceThere, PerAppLimit, ServiceError, type Runtime, type SharedAmounts } from '../foundation/index.ts'
import type { KeyCache, UsableKey } from './key-cache.ts'

/** Asymmetric operations of one app at once; the crypto workers' queue holds four times as many. */
const MAX_ASYMMETRIC_PER_APP = 256

/** A data key and what it was wrapped to. */
export interface DataKey {
  plaintext: Buffer
  ciphertext: Buffer
}

export interface SignatureInput {
  input: Uint8Array
  /** Whether `input` is already a digest. */
  prehashed: boolean
  digest: Digest | undefined
  padding: AskedPadding
}

/** What needs nothing but a key in memory is done at once, and returns or throws without a promise. */
export class Cryptography {
  readonly #keyCache: KeyCache
  readonly #crypto: KeyCrypto
  readonly #runtime: Runtime
  readonly #share: PerAppLimit

  constructor(services: { keyCache: KeyCache; crypto: KeyCrypto; runtime: Runtime; underWay?: SharedAmounts | undefined }) {
    this.#keyCache = services.keyCache
    this.#crypto = services.crypto
    this.#runtime = services.runtime
    this.#share = new PerAppLimit('cryptography', MAX_ASYMMETRIC_PER_APP, services.underWay)
  }

  encrypt(principal: Principal, keyId: string, plaintext: Uint8Array, aad: Uint8Array | undefined): Buffer | Promise<Buffer> {
    return onceThere(this.#keyCache.use(principal, keyId, 'Encrypt'), (usable) => this.#wrap(usable, plaintext, aad))
  }

  decrypt(principal: Principal, keyId: string, ciphertext: Uint8Array, aad: Uint8Array | undefined): Buffer | Promise<Buffer> {
    return onceThere(this.#keyCache.use(principal, keyId, 'Decrypt'), ({ spec, key }) =>
      refusing(() => this.#crypto.decrypt(spec.name, key, ciphertext, aad)),
    )
  }

  /** A new data key of `length` bytes and its ciphertext under the key, in the layout of {@link encrypt}. */
  generateDataKey(principal: Principal, keyId: string, length: number, aad: Uint8Array | undefined): DataKey | Promise<DataKey> {
    return onceThere(this.#keyCache.use(principal, keyId, 'GenerateDataKey'), (usable) => {
      const plaintext = this.#runtime.randomBytes(length)
      return { plaintext, ciphertext: this.#wrap(usable, plaintext, aad) }
    })
  }

  /** Re-encrypts a data key wrapped by `keyId` with the public half of `targetId`, using the target's own padding, otherwise OAEP. */
  async exportDataKey(
    principal: Principal,
    keyId: string,
    targetId: string,
    ciphertext: Uint8Array,
    aad: Uint8Array | undefined,
  ): Promise<Buffer> {
    const { spec, key } = await this.#keyCache.use(principal, keyId, 'ExportDataKey')
    const target = await this.#keyCache.use(principal, targetId, 'ReceiveDataKey')
    const dataKey = refusing(() => this.#crypto.decrypt(spec.name, key, ciphertext, aad))
    try {
      return await this.#encryptTo(target, dataKey, undefined, 'data key')
    } finally {
      dataKey.fill(0)
    }
  }

  async asymmetricEncrypt(principal: Principal, keyId: string, plaintext: Uint8Array, padding: AskedPadding): Promise<Buffer> {
    return this.#encryptTo(await this.#keyCache.use(principal, keyId, 'AsymmetricEncrypt'), plaintext, padding, 'plaintext')
  }

  async asymmetricDecrypt(principal: Principal, keyId: string, ciphertext: Uint8Array, padding: AskedPadding): Promise<Buffer> {
    const usable = await this.#keyCache.use(principal, keyId, 'AsymmetricDecrypt')
    const chosen = chosenPadding(usable, padding)
    return this.#slowly(principal.tenant, () => this.#crypto.asymmetricDecrypt(usable.spec.name, usable.key, ciphertext, chosen))
  }

  sign(principal: Principal, keyId: string, request: SignatureInput): Buffer | Promise<Buffer> {
    return onceThere(this.#keyCache.use(principal, keyId, 'Sign'), (usable) => {
      const options = signOptions(usable, request)
      return this.#slowly(principal.tenant, () => this.#crypto.sign(usable.spec.name, usable.key, request.input, options))
    })
  }

  verify(principal: Principal, keyId: string, request: SignatureInput, signature: Uint8Array): boolean | Promise<boolean> {
    return onceThere(this.#keyCache.use(principal, keyId, 'Verify'), (usable) => {
      const options = signOptions(usable, request)
      return this.#slowly(principal.tenant, () => this.#crypto.verify(usable.spec.name, usable.key, request.input, signature, options))
    })
  }

  async publicKey(principal: Principal, keyId: string): Promise<string> {
    const { spec, key } = await this.#keyCache.use(principal, keyId, 'GetPublicKey')
    return this.#crypto.publicKeyPem(spec.name, key)
  }

  /** Runs asymmetric work, which may wait for a thread: bounded for each app, with its refusals translated into the domain's errors. */
  #slowly<T>(tenant: string, work: () => T | Promise<T>): T | Promise<T> {
    const outcome = refusing(() => this.#share.start(tenant, work))
    if (!(outcome instanceof Promise)) return outcome
    return outcome.catch((error: unknown) => {
      throw refusal(error)
    })
  }

  #wrap(usable: UsableKey, plaintext: Uint8Array, aad: Uint8Array | undefined): Buffer {
    const ciphertext = refusing(() => this.#crypto.encrypt(usable.spec.name, usable.key, plaintext, aad))
    this.#keyCache.countEncryption(usable)
    return ciphertext
  }

  async #encryptTo(usable: UsableKey, plaintext: Uint8Array, asked: AskedPadding, what: string): Promise<Buffer> {
    const { spec, key } = usable
    const padding = chosenPadding(usable, asked)
    const limit = refusing(() => this.#crypto.maxPlaintext(spec.name, padding))
    if (plaintext.length > limit) {
      const { length } = plaintext
      throw new ServiceError('input_length', {
        message: `The ${what} is ${length} bytes long, but ${spec.name} with this padding takes at most ${limit}.`,
        facts: { what, length, spec: spec.name, limit },
      })
    }
    const ciphertext = await this.#slowly(usable.row.appId, () => this.#crypto.asymmetricEncrypt(spec.name, key, plaintext, padding))
    this.#keyCache.countEncryption(usable)
    return ciphertext
  }
}

/** The call's modes take precedence over the key's; if neither is set, the algorithm's default applies. */
function signOptions(usable: UsableKey, { digest: asked, padding: askedPadding, prehashed }: SignatureInput) {
  const digest = asked ?? (usable.row.digest as Digest | null) ?? undefined
  const padding = chosenPadding(usable, askedPadding)
  return { prehashed, ...(digest === undefined ? {} : { digest }), ...(padding === undefined ? {} : { padding }) }
}

/** Only RSA has paddings; other keys ignore the call's padding. */
function chosenPadding({ row, spec }: UsableKey, asked: AskedPadding): Padding | undefined {
  if (spec.family !== 'rsa') return undefined
  return checkedPadding(asked) ?? (row.padding as Padding | null) ?? undefined
}

/** Turns refusals by the algorithms into the domain's errors; all decryption failures become the same error. */
function refusal(error: unknown): unknown {
  if (error instanceof CryptoInputError) {
    if (error.code === 'decryption_failed') return new ServiceError('decryption_failed')
    return new ServiceError('algorithm_input', { message: error.message, facts: error.facts })
  }
  return error instanceof CryptoBusyError ? new ServiceError('busy', { cause: error }) : error
}

function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw refusal(error)
  }
}
