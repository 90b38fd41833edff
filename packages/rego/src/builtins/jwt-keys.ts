/** Keys and signatures of JSON Web Tokens (RFC 7515, 7518, 8037). */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  constants,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { JsonWebKeyInput, KeyObject } from 'node:crypto'
import { spend } from '../run/budget.ts'
import { isSound } from './sound-key.ts'
import { failure } from './types.ts'
import { pemBlocks } from './x509.ts'

/** Steps that a signature counts for. */
const SIGNATURE_STEPS = 2000
const MAX_KEYS = 100

export interface Algorithm {
  name: string
  kind: 'hmac' | 'rsa' | 'pss' | 'ec' | 'eddsa'
  digest: string
}

export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map(
  [
    ...(['256', '384', '512'] as const).flatMap((bits): Algorithm[] => [
      { name: `HS${bits}`, kind: 'hmac', digest: `sha${bits}` },
      { name: `RS${bits}`, kind: 'rsa', digest: `sha${bits}` },
      { name: `PS${bits}`, kind: 'pss', digest: `sha${bits}` },
      { name: `ES${bits}`, kind: 'ec', digest: `sha${bits}` },
    ]),
    { name: 'EdDSA', kind: 'eddsa', digest: '' } satisfies Algorithm,
  ].map((algorithm) => [algorithm.name, algorithm]),
)

/** The curve of each ECDSA algorithm: another one is refused. */
const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }
const KEY_TYPES: Readonly<Record<Algorithm['kind'], readonly string[]>> = {
  hmac: [],
  rsa: ['rsa'],
  pss: ['rsa', 'rsa-pss'],
  ec: ['ec'],
  eddsa: ['ed25519', 'ed448'],
}

export interface VerificationKey {
  key: KeyObject
  id: string | undefined
  algorithm: string | undefined
}

/** Keys of a certificate or public key in PEM, or of a JSON Web Key or set of them. Throws BuiltinError. */
export function verificationKeys(text: string): VerificationKey[] {
  const [block] = pemBlocks(text)
  if (block && /[^]/.test(text.slice(text.indexOf(block.pem) + block.pem.length).replace(/^[ \t]*\r?(?:\n|$)/, '')))
    throw failure('extra data after a PEM certificate block')
  if (block) return [{ key: fromPem(block.type, block.pem), id: undefined, algorithm: undefined }]
  if (text.includes('-----BEGIN')) throw failure('failed to extract a Key from the PEM certificate')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw failure('failed to parse a JWK key (set)')
  }
  const list = isRecord(parsed) && Array.isArray(parsed['keys']) ? (parsed['keys'] as unknown[]) : [parsed]
  if (list.length > MAX_KEYS) throw failure('the key set is too large')
  return list.map((jwk) => {
    if (!isRecord(jwk)) throw failure('failed to parse a JWK key (set)')
    const [id, algorithm] = [jwk['kid'], jwk['alg']]
    return {
      key: fromJwk(jwk),
      id: typeof id === 'string' ? id : undefined,
      algorithm: typeof algorithm === 'string' ? algorithm : undefined,
    }
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fromPem(type: string, pem: string): KeyObject {
  spend(SIGNATURE_STEPS / 4)
  try {
    return sound(type === 'CERTIFICATE' ? new X509Certificate(pem).publicKey : createPublicKey(pem))
  } catch {
    throw failure(type === 'CERTIFICATE' ? 'failed to parse a PEM certificate' : 'failed to parse a PEM key')
  }
}

function fromJwk(jwk: Record<string, unknown>): KeyObject {
  spend(SIGNATURE_STEPS / 4)
  try {
    if (jwk['kty'] === 'oct' && typeof jwk['k'] === 'string') return createSecretKey(Buffer.from(jwk['k'], 'base64url'))
    return sound(createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' }))
  } catch {
    throw failure('failed to parse a JWK key (set)')
  }
}

function sound(key: KeyObject): KeyObject {
  if (!isSound(key)) throw new Error('a key with an unsound part')
  return key
}

/** A private or secret key from a JSON Web Key. Throws BuiltinError. */
export function signingKey(jwk: unknown): KeyObject {
  spend(SIGNATURE_STEPS / 4)
  if (!isRecord(jwk)) throw failure('failed to parse JWK')
  try {
    if (jwk['kty'] === 'oct' && typeof jwk['k'] === 'string') return createSecretKey(Buffer.from(jwk['k'], 'base64url'))
    return createPrivateKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    throw failure('failed to parse JWK')
  }
}

/** Whether a key is of the kind, and for ECDSA of the curve, that an algorithm needs. */
function fits(key: KeyObject, { kind, name }: Algorithm): boolean {
  if (kind === 'hmac') return key.type === 'secret'
  if (key.type === 'secret' || !KEY_TYPES[kind].includes(key.asymmetricKeyType ?? '')) return false
  return kind !== 'ec' || key.asymmetricKeyDetails?.namedCurve === CURVES[name]
}

function options(
  key: KeyObject,
  { kind }: Algorithm,
): { key: KeyObject; padding?: number; saltLength?: number; dsaEncoding?: 'ieee-p1363' } {
  if (kind === 'pss') return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return kind === 'ec' ? { key, dsaEncoding: 'ieee-p1363' } : { key }
}

/** Whether a signature is the key's. A key of another kind has none. */
export function verifySignature(algorithm: Algorithm, key: KeyObject, signed: string, signature: Buffer): boolean {
  spend(SIGNATURE_STEPS + signed.length / 64)
  if (!fits(key, algorithm)) return false
  if (algorithm.kind === 'hmac') {
    const mac = createHmac(algorithm.digest, key).update(signed).digest()
    return mac.length === signature.length && timingSafeEqual(mac, signature)
  }
  // RFC 8017, 8.1.2 and 8.2.2, step 1: OpenSSL itself accepts a PSS signature without its leading zero bytes.
  const { modulusLength } = key.asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined && signature.length !== Math.ceil(modulusLength / 8)) return false
  try {
    const digest = algorithm.kind === 'eddsa' ? null : algorithm.digest
    const how = options(key, algorithm)
    if (algorithm.kind === 'pss') how.saltLength = constants.RSA_PSS_SALTLEN_AUTO
    return verify(digest, Buffer.from(signed), how, signature)
  } catch {
    return false
  }
}

/** The signature of a text. Throws BuiltinError where the key doesn't fit. */
export function makeSignature(algorithm: Algorithm, key: KeyObject, signed: string): Buffer {
  spend(SIGNATURE_STEPS + signed.length / 64)
  if (!fits(key, algorithm)) throw failure(`the key is not one for ${algorithm.name}`)
  if (algorithm.kind === 'hmac') return createHmac(algorithm.digest, key).update(signed).digest()
  try {
    return sign(algorithm.kind === 'eddsa' ? null : algorithm.digest, Buffer.from(signed), options(key, algorithm))
  } catch {
    throw failure('the key cannot sign')
  }
}
