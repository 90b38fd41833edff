import { constants, createCipheriv, createECDH, publicEncrypt, randomBytes } from 'node:crypto'
import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes } from './hash.ts'
import { hmac, kdfa, kdfe } from './kdf.ts'
import { padded, publicAreaKey } from './public-key.ts'
import type { CurveName } from './structures/curves.ts'
import { curves } from './structures/curves.ts'
import { HASHED_LIMIT } from './structures/digest.ts'
import type { EccPublic, PublicArea, PublicCommon, RsaPublic } from './structures/public-area.ts'
import { TpmWriter } from './structures/writer.ts'

/**
 * A challenge that only the TPM with the endorsement key can open, and only while it has loaded the object of the given Name. Both without the size that
 * TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET have before them.
 */
export type Credential = { credentialBlob: Uint8Array; encryptedSecret: Uint8Array }

const LABEL = 'IDENTITY'
const NONE = new Uint8Array(0)
const EK_CURVES: readonly CurveName[] = ['nist-p256', 'nist-p384', 'nist-p521']

/**
 * TPM2_MakeCredential without a TPM (TPM 2.0 Library, Part 1, §24, "Credential protection"; Annex B.10 for RSA, C.6 for ECC).
 * `name` is the Name of the key to be credentialed, `secret` at most as long as a digest of the endorsement key's nameAlg.
 * Throws TpmError for an endorsement key that is not a restricted decryption key with AES-CFB, and for a secret or Name of impossible length.
 */
export function makeCredential(ek: PublicArea, name: Uint8Array, secret: Uint8Array, hashes?: Hashes): Credential {
  const { nameAlg, key } = credentialKey(ek)
  const size = digestSizes[nameAlg]
  if (secret.length === 0 || secret.length > size) {
    throw new TpmError(`secret: ${secret.length} bytes, from 1 to ${size} are possible`, { field: 'secret' })
  }
  if (name.length < 3 || name.length > HASHED_LIMIT)
    throw new TpmError(`name: ${name.length} bytes cannot be an object's Name`, { field: 'name' })
  const { seed, encryptedSecret } = key.type === 'rsa' ? rsaSeed(key, nameAlg) : eccSeed(key, nameAlg, hashes)
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

type Seed = { seed: Uint8Array; encryptedSecret: Uint8Array }

function rsaSeed(ek: RsaPublic & PublicCommon, nameAlg: HashAlgorithm): Seed {
  if (nameAlg === 'sm3') throw new TpmError('endorsement key: RSA with SM3 is not supported', { field: 'nameAlg' })
  const seed = randomBytes(digestSizes[nameAlg])
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nameAlg, oaepLabel: Buffer.from(`${LABEL}\0`) }
  try {
    return { seed, encryptedSecret: new Uint8Array(publicEncrypt({ key: publicAreaKey(ek), ...padding }, seed)) }
  } catch (cause) {
    throw cause instanceof TpmError ? cause : new TpmError('endorsement key: its RSA key cannot encrypt', { field: 'modulus' })
  }
}

function eccSeed(ek: EccPublic & PublicCommon, nameAlg: HashAlgorithm, hashes?: Hashes): Seed {
  const { openssl, size } = curves[ek.curve]
  if (openssl === undefined || !EK_CURVES.includes(ek.curve))
    throw new TpmError(`endorsement key: curve ${ek.curve} is not supported`, { field: 'curve' })
  const ecdh = createECDH(openssl)
  const ephemeral = ecdh.generateKeys()
  const [x, y] = [ephemeral.subarray(1, 1 + size), ephemeral.subarray(1 + size)]
  const ekX = padded(ek.x, size, 'x')
  let z: Uint8Array
  try {
    z = ecdh.computeSecret(Buffer.concat([Uint8Array.of(0x04), ekX, padded(ek.y, size, 'y')]))
  } catch {
    throw new TpmError(`endorsement key: its point is not on ${ek.curve}`, { field: 'x' })
  }
  const seed = kdfe(nameAlg, z, LABEL, x, ekX, 8 * digestSizes[nameAlg], hashes)
  return { seed, encryptedSecret: new TpmWriter().sized(x).sized(y).finish() }
}

/** AES-CFB with an IV of zeros: the key is used once (Part 1, §24.4). */
function aesCfb(key: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = createCipheriv(`aes-${8 * key.length}-cfb`, key, new Uint8Array(16))
  return Buffer.concat([cipher.update(data), cipher.final()])
}
