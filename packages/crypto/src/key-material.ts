/** Keys as material: made, wrapped and unwrapped at rest, shown in public. */
import { createCipheriv, createHash, createHmac, createPrivateKey, createSecretKey, generateKeyPair, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { CryptoInputError } from './errors.ts'
import { algorithmIdentifier, publicHalf, spkiDer } from './public-key.ts'
import { specInfo, wrongKeyKind } from './spec.ts'
import type { KeySpec, KeySpecInfo } from './spec.ts'

const generateKeyPairAsync = promisify(generateKeyPair)
const PRIVATE_KEY_DER = { type: 'pkcs8', format: 'der' } as const
const PUBLIC_KEY_DER = { type: 'spki', format: 'der' } as const

// RSA-4096 in PKCS#8 takes 2.4 kB; nothing much longer is worth parsing.
const MAX_PRIVATE_KEY_BYTES = 4096

const EC_PUBLIC_KEY_OID = '06072a8648ce3d0201' // RFC 5480 §2.1.1, also for SM2.

/** A new key: a secret key object of random bytes, or the private half of a key pair made on the thread pool (RSA with e = 65537). */
export async function generateKey(spec: KeySpec): Promise<KeyObject> {
  const info = specInfo(spec)
  const encoded = info.symmetric ? randomBytes(info.bits / 8) : await generatePrivateKeyDer(info)
  try {
    return decodeKey(spec, encoded)
  } finally {
    encoded.fill(0)
  }
}

// Through PKCS#8, since a generated SM2 key object is of another OpenSSL type than a decoded one.
async function generatePrivateKeyDer(info: KeySpecInfo): Promise<Buffer> {
  const encoding = { publicKeyEncoding: PUBLIC_KEY_DER, privateKeyEncoding: PRIVATE_KEY_DER }
  if (info.family === 'rsa') {
    return (await generateKeyPairAsync('rsa', { modulusLength: info.bits, publicExponent: 65537, ...encoding })).privateKey
  }
  const namedCurve = info.curve!.name
  return (await generateKeyPairAsync('ec', { namedCurve, ...encoding })).privateKey
}

/** The bytes to be wrapped at rest: raw for symmetric and HMAC keys, PKCS#8 DER for private keys. The caller zeroes them. */
export function encodeKey(spec: KeySpec, key: KeyObject): Buffer {
  return specInfo(spec).symmetric ? key.export() : key.export(PRIVATE_KEY_DER)
}

/** Inverse of `encodeKey`. @throws CryptoInputError 'key_material' unless length, modulus or curve are the spec's. */
export function decodeKey(spec: KeySpec, bytes: Uint8Array): KeyObject {
  const info = specInfo(spec)
  if (info.symmetric) {
    if (bytes.length !== info.materialBytes) {
      const message = `Key material for ${spec} is ${info.materialBytes} bytes long, got ${bytes.length}.`
      throw new CryptoInputError('key_material', message, { spec, wanted: info.materialBytes!, length: bytes.length })
    }
    return createSecretKey(bytes)
  }
  const key = bytes.length <= MAX_PRIVATE_KEY_BYTES ? parsePrivateKey(info, bytes) : undefined
  if (key === undefined) throw new CryptoInputError('key_material', `This is not the PKCS#8 encoding of a key of ${spec}.`, { spec })
  return key
}

function parsePrivateKey(info: KeySpecInfo, bytes: Uint8Array): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), ...PRIVATE_KEY_DER })
    return fits(info, key) ? key : undefined
  } catch {
    return undefined // OpenSSL's errors may speak of the key.
  }
}

// Curves are read from the encoding: Node says nothing about SM2 keys, and would mistake explicit parameters for a named curve.
function fits(info: KeySpecInfo, key: KeyObject): boolean {
  if (info.family === 'rsa') return key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails?.modulusLength === info.bits
  return algorithmIdentifier(publicHalf(info.name, key)).toString('hex') === EC_PUBLIC_KEY_OID + info.curve!.oid
}

/**
 * PEM of the public half: PKCS#1 for RSA, SubjectPublicKeyInfo for EC and SM2. @throws CryptoInputError 'wrong_key_kind' for other keys.
 */
export function publicKeyPem(spec: KeySpec, key: KeyObject): string {
  const { symmetric, family } = specInfo(spec)
  if (symmetric) throw wrongKeyKind(spec, 'show a public key')
  return publicHalf(spec, key).export({ type: family === 'rsa' ? 'pkcs1' : 'spki', format: 'pem' })
}

/**
 * Key check value: six upper-case hex digits that distinguish keys without revealing them. Symmetric keys: the block cipher over a zero
 * block (ANSI X9.24-1 annex A); HMAC: HMAC-SHA-256 over nothing; key pairs: SHA-256 of the SubjectPublicKeyInfo.
 */
export function checkValue(spec: KeySpec, key: KeyObject): string {
  return checkBytes(specInfo(spec), key).subarray(0, 3).toString('hex').toUpperCase()
}

function checkBytes(info: KeySpecInfo, key: KeyObject): Buffer {
  if (info.family === 'hmac') return createHmac('sha256', key).digest()
  if (!info.symmetric)
    return createHash('sha256')
      .update(spkiDer(publicHalf(info.name, key)))
      .digest()
  const cipher = info.family === 'sm4' ? 'sm4-ecb' : `aes-${info.bits}-ecb`
  return createCipheriv(cipher, key, null).update(Buffer.alloc(16))
}
