/** One version of a signing key, and what kinds of keys there are. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { DerReader, readBitString } from '@vouchsafe/der'
import type { SigningKeyName } from '../storage/index.ts'
import { fits, type SignatureAlgorithm } from './signature.ts'

export const SIGNING_KEY_NAMES: readonly SigningKeyName[] = ['NSK', 'FSK', 'TSK']

/** Nonces and rows are signed as the original does: RSASSA-PSS with SHA-256 (contract §6, §12). */
export const NONCE_ALGORITHM: SignatureAlgorithm = 'PS256'
export const ROW_ALGORITHM: SignatureAlgorithm = 'PS256'

export interface SigningKey {
  name: SigningKeyName
  version: number
  /** Such as `rsa_3072`. */
  algorithm: string
  /** Milliseconds since 1970. */
  createdAt: number
  privateKey: KeyObject
  publicKey: KeyObject
  /** The public key as a JWK, `kid` (its RFC 7638 thumbprint) and `use` included. */
  jwk: Readonly<Record<string, string>>
  kid: string
}

/** Assembles a version from its private key. */
export function signingKey(facts: Pick<SigningKey, 'name' | 'version' | 'algorithm' | 'createdAt'>, privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey)
  const members = publicMembers(publicKey)
  const kid = createHash('sha256').update(JSON.stringify(members)).digest('base64url')
  return { ...facts, privateKey, publicKey, jwk: { ...members, kid, use: 'sig' }, kid }
}

/** Generates a private key that an algorithm can use: RSA-3072, P-256 or P-384. Takes tenths of a second, on the thread pool. */
export async function generateSigningKey(algorithm: SignatureAlgorithm): Promise<KeyObject> {
  if (algorithm === 'ES256') return (await generate('ec', { namedCurve: 'P-256' })).privateKey
  if (algorithm === 'ES384') return (await generate('ec', { namedCurve: 'P-384' })).privateKey
  return (await generate('rsa', { modulusLength: 3072 })).privateKey
}

const generate = promisify(generateKeyPair)

/**
 * A private key from PEM (PKCS#8, PKCS#1 or SEC 1, not encrypted) that is suitable for a name.
 * @throws Error with a message for the operator that contains nothing of the key
 */
export function importSigningKey(name: SigningKeyName, pem: string, tokenAlgorithm: SignatureAlgorithm): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new Error('this is no unencrypted private key in PEM')
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  if ((type === 'rsa' || type === 'rsa-pss') && (details.modulusLength! < 3072 || details.modulusLength! > 8192))
    throw new Error(`an RSA key must have 3072 to 8192 bits; this one has ${details.modulusLength}`)
  const algorithm = name === 'TSK' ? tokenAlgorithm : NONCE_ALGORITHM
  if (fits(key, algorithm)) return key
  if (name !== 'TSK') throw new Error(`${name} must be an RSA key that can sign RSASSA-PSS with SHA-256`)
  const hint = type === 'rsa-pss' ? ": this key is restricted to RSASSA-PSS, so choose PS256 or what the key's restriction allows" : ''
  throw new Error(`this key can't sign ${tokenAlgorithm}, which is the server's token-algorithm${hint}`)
}

/** The name of a key in lists and exports (contract §12). */
export function algorithmName(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined) return `rsa_${modulusLength}`
  return namedCurve === 'prime256v1' ? 'ec_p256' : namedCurve === 'secp384r1' ? 'ec_p384' : String(namedCurve)
}

/** The required members of the JWK in the order of RFC 7638 §3.2. */
function publicMembers(publicKey: KeyObject): Record<string, string> {
  const jwk = plainPublicKey(publicKey).export({ format: 'jwk' })
  return jwk.kty === 'EC' ? { crv: jwk.crv!, kty: 'EC', x: jwk.x!, y: jwk.y! } : { e: jwk.e!, kty: 'RSA', n: jwk.n! }
}

/** A JWK has no place for the restriction of an RSA-PSS key, so it is made of the plain RSA key inside (RFC 4055 §1.2). */
function plainPublicKey(publicKey: KeyObject): KeyObject {
  if (publicKey.asymmetricKeyType !== 'rsa-pss') return publicKey
  const info = new DerReader(publicKey.export({ format: 'der', type: 'spki' }), 'public key').read()
  const parts = new DerReader(info.value, 'public key')
  parts.read()
  return createPublicKey({ key: readBitString(parts.read().value, 'public key').bits, format: 'der', type: 'pkcs1' })
}
