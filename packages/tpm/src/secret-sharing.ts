import { constants, createECDH, publicEncrypt, randomBytes } from 'node:crypto'
import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes } from './hash.ts'
import { kdfe } from './kdf.ts'
import { padded, publicAreaKey } from './public-key.ts'
import type { CurveName } from './structures/curves.ts'
import { curves } from './structures/curves.ts'
import type { EccPublic, PublicArea, PublicCommon, RsaPublic } from './structures/public-area.ts'
import { TpmWriter } from './structures/writer.ts'

/** A random secret and what the TPM with the private key gets it from: the contents of TPM2B_ENCRYPTED_SECRET. */
export type SharedSecret = { secret: Uint8Array; encryptedSecret: Uint8Array }

const CURVES: readonly CurveName[] = ['nist-p256', 'nist-p384', 'nist-p521']

/**
 * Shares a secret, as long as a digest of the key's nameAlg, with the TPM that holds a decryption key (TPM 2.0 Library, Part 1, Annex B and C, "Secret sharing", for RSA and
 * ECC). `label` states the purpose: `IDENTITY` for credentials, `SECRET` for the salt of a session. `what` names the key in errors.
 * Throws TpmError for keys that can't do this.
 */
export function shareSecret(key: PublicArea, label: 'IDENTITY' | 'SECRET', what: string, hashes?: Hashes): SharedSecret {
  if (key.nameAlg === 'null') throw new TpmError(`${what}: it has no nameAlg`, { field: 'nameAlg' })
  if (key.type === 'rsa') return rsaSecret(key, key.nameAlg, label, what)
  if (key.type === 'ecc') return eccSecret(key, key.nameAlg, label, what, hashes)
  throw new TpmError(`${what}: a ${key.type} object cannot be one`, { field: 'type' })
}

function rsaSecret(key: RsaPublic & PublicCommon, nameAlg: HashAlgorithm, label: string, what: string): SharedSecret {
  if (nameAlg === 'sm3') throw new TpmError(`${what}: RSA with SM3 is not supported`, { field: 'nameAlg' })
  const secret = new Uint8Array(randomBytes(digestSizes[nameAlg]))
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nameAlg, oaepLabel: Buffer.from(`${label}\0`) }
  try {
    return { secret, encryptedSecret: new Uint8Array(publicEncrypt({ key: publicAreaKey(key), ...padding }, secret)) }
  } catch (cause) {
    const reason = cause instanceof TpmError ? `: ${cause.message}` : ''
    throw new TpmError(`${what}: its RSA key cannot encrypt${reason}`, { field: 'modulus' })
  }
}

function eccSecret(key: EccPublic & PublicCommon, nameAlg: HashAlgorithm, label: string, what: string, hashes?: Hashes): SharedSecret {
  const { openssl, size } = curves[key.curve]
  if (openssl === undefined || !CURVES.includes(key.curve))
    throw new TpmError(`${what}: curve ${key.curve} is not supported`, { field: 'curve' })
  const ecdh = createECDH(openssl)
  const ephemeral = ecdh.generateKeys()
  const [x, y] = [ephemeral.subarray(1, 1 + size), ephemeral.subarray(1 + size)]
  const keyX = padded(key.x, size, 'x')
  let z: Uint8Array
  try {
    z = ecdh.computeSecret(Buffer.concat([Uint8Array.of(0x04), keyX, padded(key.y, size, 'y')]))
  } catch {
    throw new TpmError(`${what}: its point is not on ${key.curve}`, { field: 'x' })
  }
  const secret = kdfe(nameAlg, z, label, x, keyX, 8 * digestSizes[nameAlg], hashes)
  return { secret, encryptedSecret: new TpmWriter().sized(x).sized(y).finish() }
}
