/**
 * Challenges to a TPM, of which nothing is stored. The id holds the request, under a MAC; the secret that the TPM must recover is derived
 * from the id with a key that only the server has.
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { ServiceError, type Runtime } from '../../foundation/index.ts'
import type { SigningKey, SigningKeys } from '../../signing-keys/index.ts'
import type { Storage } from '../../storage/index.ts'

const VALID_MS = 5 * 60_000
/** How much longer used challenges are remembered, to cover any clock step after which they would still be accepted. */
const REMEMBERED_MS = 10 * 60_000
const RANDOM_BYTES = 16

/** What the certificate will state once the challenge is met. */
export interface ChallengeFacts {
  user: string
  ekDigest: string
  nodeId: string
  /** An owner has enrolled the key as this node. */
  enrolled: boolean
  /** SubjectPublicKeyInfo of the attestation key. */
  akSpki: Uint8Array
}

export class Challenges {
  readonly #services: { storage: Storage; runtime: Runtime; signingKeys: SigningKeys }
  readonly #keys = new WeakMap<SigningKey, Buffer>()

  constructor(services: { storage: Storage; runtime: Runtime; signingKeys: SigningKeys }) {
    this.#services = services
  }

  /** Creates a challenge; `secret` is for the TPM alone, encrypted. */
  async make({ user, ekDigest, nodeId, enrolled, akSpki }: ChallengeFacts): Promise<{ id: string; secret: Buffer }> {
    const { runtime, signingKeys } = this.#services
    const key = this.#keyOf(await signingKeys.current('NSK'))
    const ak = akSpki.toBase64()
    const random = runtime.randomBytes(RANDOM_BYTES).toString('base64')
    const text = JSON.stringify([user, ekDigest, nodeId, enrolled, ak, runtime.now() + VALID_MS, random])
    const payload = Buffer.from(text)
    return { id: `${payload.toString('base64url')}.${mac(key, 'id', payload).toString('base64url')}`, secret: mac(key, 'secret', payload) }
  }

  /**
   * Accepts the secret of a challenge, once.
   * @throws {ServiceError} `challenge_failed` if it isn't the user's, has expired or was met before, or the secret is wrong
   */
  async meet(user: string, id: string, secret: Uint8Array): Promise<ChallengeFacts> {
    const { storage, runtime, signingKeys } = this.#services
    const [body = '', proof = ''] = id.split('.')
    const payload = Buffer.from(body, 'base64url')
    const given = Buffer.from(proof, 'base64url')
    const signer = await signingKeys.find('NSK', (each) => equal(mac(this.#keyOf(each), 'id', payload), given))
    if (!signer) throw refused('challenge_id is not one of this server')
    const [owner, ekDigest, nodeId, enrolled, ak, until] = JSON.parse(payload.toString()) as [
      string,
      string,
      string,
      boolean,
      string,
      number,
    ]
    if (owner !== user) throw refused('challenge_id is not one of this server')
    if (runtime.now() > until) throw refused('the challenge has expired')
    if (!equal(mac(this.#keyOf(signer), 'secret', payload), secret)) throw refused('secret is not what the credential holds')
    const digest = createHash('sha256').update('ak challenge').update(payload).digest()
    const [isNew] = await storage.insertUsedNonces({ rows: [{ digest, expiresAt: until + REMEMBERED_MS }] })
    if (!isNew) throw refused('the challenge was used before')
    return { user, ekDigest, nodeId, enrolled, akSpki: Buffer.from(ak, 'base64') }
  }

  #keyOf(signer: SigningKey): Buffer {
    let key = this.#keys.get(signer)
    if (!key) {
      const der = signer.privateKey.export({ format: 'der', type: 'pkcs8' })
      key = Buffer.from(hkdfSync('sha256', der, '', 'vouchsafe attestation key challenge', 32))
      der.fill(0)
      this.#keys.set(signer, key)
    }
    return key
  }
}

function mac(key: Buffer, purpose: 'id' | 'secret', payload: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${purpose} `).update(payload).digest()
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

function refused(reason: string): ServiceError {
  return new ServiceError('challenge_failed', { message: `The challenge was not met: ${reason}`, facts: { reason } })
}
