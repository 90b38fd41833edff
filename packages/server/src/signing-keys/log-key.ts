/**
 * The key that signs the trail's checkpoints: Ed25519, made once, sealed like the other signing keys. It is not among the authority's keys, which
 * are rotated and exported: whoever follows the log knows it by this key.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { verifierKey, type NoteSigner, type VerifierKey } from '@vouchsafe/audit-log'
import { systemCall } from '../access/index.ts'
import type { Envelope } from '../envelope/index.ts'
import { sha256, type Runtime } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import type { Storage } from '../storage/index.ts'
import { changeRecord } from '../trail/index.ts'
import { signingKeyIdentity } from './signing-keys.ts'

const PUBLIC_KEY_BYTES = 32
const TRIES = 3

export class LogKey {
  readonly #privateKey: KeyObject
  readonly #publicKey: Uint8Array
  readonly #store: string

  private constructor(privateKey: KeyObject, store: string) {
    this.#privateKey = privateKey
    // The last bytes of a SubjectPublicKeyInfo are the key (RFC 8410 §4).
    this.#publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_KEY_BYTES)
    this.#store = store
  }

  /**
   * The store's key, made if there is none yet.
   * @param store the store's id
   * @throws {SealError} if it cannot be opened
   */
  static async open(
    { storage, envelope, runtime }: { storage: Storage; envelope: Envelope; runtime: Runtime },
    store: string,
  ): Promise<LogKey> {
    // Another server may store one first: then that is the key.
    for (let tries = 0; tries < TRIES; tries++) {
      const row = (await storage.listSigningKeys()).find(({ name }) => name === 'LOG')
      if (row !== undefined) {
        const der = envelope.open('signing-key', signingKeyIdentity(row), {
          blob: row.sealed,
          domainVersion: row.domainVersion,
        })
        const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
        der.fill(0)
        return new LogKey(privateKey, store)
      }
      const { privateKey } = generateKeyPairSync('ed25519')
      const der = privateKey.export({ format: 'der', type: 'pkcs8' })
      const createdAt = runtime.now()
      const key = { name: 'LOG', version: 1, algorithm: 'ed25519', createdAt } as const
      const { blob, domainVersion } = envelope.seal('signing-key', signingKeyIdentity(key), der)
      der.fill(0)
      const audit = changeRecord(systemCall('CreateSigningKey'), key.name, createdAt, { version: key.version, algorithm: key.algorithm })
      await storage.insertSigningKey({ row: { ...key, sealed: blob, domainVersion }, audit })
    }
    throw new SealError('the key that signs the trail was altered in the store')
  }

  /** Who the log of an epoch is: `vouchsafe/<store id>/<epoch>`. */
  origin(epoch: number): string {
    return `vouchsafe/${this.#store}/${epoch}`
  }

  /** The public half, under the epoch's name. */
  verifierKey(epoch: number): VerifierKey {
    return verifierKey(sha256, this.origin(epoch), 'note', this.#publicKey)
  }

  async signer(epoch: number): Promise<NoteSigner> {
    return { key: this.verifierKey(epoch), sign: (message) => sign(null, message, this.#privateKey) }
  }
}
