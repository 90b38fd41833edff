import { createCipheriv } from 'node:crypto'
import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes } from './hash.ts'
import { hmac, kdfa } from './kdf.ts'
import { shareSecret } from './secret-sharing.ts'
import { HASHED_LIMIT } from './structures/digest.ts'
import type { EccPublic, PublicArea, PublicCommon, RsaPublic } from './structures/public-area.ts'
import { TpmWriter } from './structures/writer.ts'

/**
 * A challenge that only the TPM with the endorsement key can open, and only while it has loaded the object of the given Name. Both without the size that
 * TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET have before them.
 */
export type Credential = { credentialBlob: Uint8Array; encryptedSecret: Uint8Array }

const NONE = new Uint8Array(0)

/**
 * TPM2_MakeCredential without a TPM (TPM 2.0 Library, Part 1, §24, "Credential protection"; Annex B and C, "Secret sharing", for RSA and ECC).
 * `name` is the Name of the key to be credentialed, `secret` at most as long as a digest of the endorsement key's nameAlg.
 * Throws TpmError for an endorsement key that is not a restricted decryption key with AES-CFB, and for a secret or Name of impossible length.
 *
 * @example
 * const { credentialBlob, encryptedSecret } = makeCredential(ekArea, objectName(akArea), randomBytes(32))
 * const found = [credentialBlob.length, encryptedSecret.length] // → [68, 256]
 */
export function makeCredential(ek: PublicArea, name: Uint8Array, secret: Uint8Array, hashes?: Hashes): Credential {
  const { nameAlg, key } = credentialKey(ek)
  const size = digestSizes[nameAlg]
  if (secret.length === 0 || secret.length > size) {
    throw new TpmError(`secret: ${secret.length} bytes, from 1 to ${size} are possible`, { field: 'secret' })
  }
  if (name.length < 3 || name.length > HASHED_LIMIT)
    throw new TpmError(`name: ${name.length} bytes cannot be an object's Name`, { field: 'name' })
  const { secret: seed, encryptedSecret } = shareSecret(key, 'IDENTITY', 'endorsement key', hashes)
  const symmetricKey = kdfa(nameAlg, seed, 'STORAGE', name, NONE, symmetricKeyBits(key), hashes)
  const encryptedIdentity = aesCfb(symmetricKey, new TpmWriter().sized(secret).finish())
  const hmacKey = kdfa(nameAlg, seed, 'INTEGRITY', NONE, NONE, 8 * size, hashes)
  const integrity = hmac(nameAlg, hmacKey, [encryptedIdentity, name], hashes)
  return { credentialBlob: new TpmWriter().sized(integrity).bytes(encryptedIdentity).finish(), encryptedSecret }
}

type StorageKey = PublicCommon & (RsaPublic | EccPublic)

function credentialKey(ek: PublicArea): { nameAlg: HashAlgorithm; key: StorageKey } {
  if (ek.type !== 'rsa' && ek.type !== 'ecc') throw new TpmError(`endorsement key: a ${ek.type} object cannot be one`, { field: 'type' })
  if (ek.nameAlg === 'null') throw new TpmError('endorsement key: it has no nameAlg', { field: 'nameAlg' })
  for (const attribute of ['restricted', 'decrypt'] as const) {
    if (!ek.attributes.includes(attribute)) throw new TpmError(`endorsement key: it is not ${attribute}`, { field: 'objectAttributes' })
  }
  if (ek.attributes.includes('sign')) throw new TpmError('endorsement key: it can sign', { field: 'objectAttributes' })
  return { nameAlg: ek.nameAlg, key: ek }
}

function symmetricKeyBits({ symmetric }: StorageKey): number {
  if (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb' || ![128, 192, 256].includes(symmetric.keyBits)) {
    throw new TpmError('endorsement key: its symmetric algorithm is not AES in CFB mode', { field: 'symmetric' })
  }
  return symmetric.keyBits
}

/** AES-CFB with an IV of zeros: the key is used once (Part 1, §24.4). */
function aesCfb(key: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = createCipheriv(`aes-${8 * key.length}-cfb`, key, new Uint8Array(16))
  return Buffer.concat([cipher.update(data), cipher.final()])
}
