/** Public keys: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 3279, RFC 5480, RFC 8410) and the KeyObject that it describes. */
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { DerReader, readDer, readOctetAlignedBits, readOid, readSubjectPublicKey, TAG } from '@vouchsafe/der'
import { bitString, nullValue, oid, sequence } from '@vouchsafe/der/writer'
import { malformed, withX509Errors, X509Error } from './errors.ts'

export type PublicKeyKind = 'rsa' | 'rsa-pss' | 'rsa-oaep' | 'ec' | 'sm2' | 'ed25519' | 'ed448' | 'unknown'

export interface PublicKeyInfo {
  kind: PublicKeyKind
  /** Object identifier of the key's algorithm. */
  oid: string
  /** EC and SM2: OpenSSL's name of the curve, or its object identifier; absent where its parameters are spelled out, which is refused later. */
  curve?: string
  /** Length of the modulus, or of the curve's field where known. */
  bits?: number
  /** DER of the SubjectPublicKeyInfo. */
  spki: Buffer
}

const RSA = '1.2.840.113549.1.1.1'
const KINDS = new Map<string, PublicKeyKind>([
  [RSA, 'rsa'],
  ['1.2.840.113549.1.1.7', 'rsa-oaep'],
  ['1.2.840.113549.1.1.10', 'rsa-pss'],
  ['1.2.840.10045.2.1', 'ec'],
  ['1.3.101.112', 'ed25519'],
  ['1.3.101.113', 'ed448'],
])
const CURVES = new Map<string, { curve: string; bits: number }>([
  ['1.2.840.10045.3.1.7', { curve: 'prime256v1', bits: 256 }],
  ['1.3.132.0.33', { curve: 'secp224r1', bits: 224 }],
  ['1.3.132.0.34', { curve: 'secp384r1', bits: 384 }],
  ['1.3.132.0.35', { curve: 'secp521r1', bits: 521 }],
  ['1.3.132.0.10', { curve: 'secp256k1', bits: 256 }],
  ['1.3.36.3.3.2.8.1.1.7', { curve: 'brainpoolP256r1', bits: 256 }],
  ['1.3.36.3.3.2.8.1.1.11', { curve: 'brainpoolP384r1', bits: 384 }],
  ['1.3.36.3.3.2.8.1.1.13', { curve: 'brainpoolP512r1', bits: 512 }],
  ['1.2.156.10197.1.301', { curve: 'SM2', bits: 256 }],
])

/**
 * What a SubjectPublicKeyInfo says about its key. Refuses RSA keys with an even or overlong modulus or exponent, and points that are neither
 * compressed nor uncompressed; whether a point is on its curve is seen when the key is imported. Throws X509Error.
 *
 * @example
 * parsePublicKeyInfo(publicKey.export({ type: 'spki', format: 'der' })).kind // → 'ec'
 */
export function parsePublicKeyInfo(der: Uint8Array, field = 'public key'): PublicKeyInfo {
  return withX509Errors(() => readPublicKeyInfo(der, field))
}

function readPublicKeyInfo(der: Uint8Array, field: string): PublicKeyInfo {
  const { raw, algorithm: id, parameters, rsa } = readSubjectPublicKey(der, field)
  const kind = KINDS.get(id) ?? 'unknown'
  if (kind === 'rsa' && parameters?.raw.equals(nullValue()) === false) throw malformed(field, 'RSA with parameters')
  if (rsa) return { kind, oid: id, bits: rsa.bits, spki: raw }
  if (kind !== 'ec' || parameters?.tag !== TAG.objectIdentifier) return { kind, oid: id, spki: raw }
  const curveOid = readOid(parameters.value, field)
  const known = CURVES.get(curveOid) ?? { curve: curveOid }
  return { kind: known.curve === 'SM2' ? 'sm2' : 'ec', oid: id, ...known, spki: raw }
}

/**
 * Creates the KeyObject. RSAES-OAEP keys, which some TPMs have as endorsement keys, become plain RSA keys. Throws X509Error (`unsupported`)
 * for EC parameters spelled out, which could describe a curve made for forgery, and for keys that OpenSSL does not support.
 *
 * @example
 * importPublicKey(leaf.publicKey).equals(publicKey) // → true
 */
export function importPublicKey(info: PublicKeyInfo): KeyObject {
  const { kind, curve } = info
  if (kind === 'ec' && curve === undefined) throw new X509Error('unsupported', 'public key: EC parameters without a curve name')
  const key = kind === 'rsa-oaep' ? sequence(sequence(oid(RSA), nullValue()), bitString(publicKeyBits(info))) : info.spki
  try {
    return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch {
    throw new X509Error('unsupported', 'public key: not a key that can be used')
  }
}

/**
 * Describes a KeyObject's public key; for a private key, its public half.
 *
 * @example
 * describePublicKey(publicKey).curve // → 'prime256v1'
 */
export function describePublicKey(key: KeyObject): PublicKeyInfo {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return parsePublicKeyInfo(publicKey.export({ type: 'spki', format: 'der' }))
}

/** The key's BIT STRING without its wrapping: a point, an RSAPublicKey. */
export function publicKeyBits({ spki }: PublicKeyInfo): Buffer {
  const reader = new DerReader(readDer(spki, TAG.sequence, 'public key').value, 'public key')
  reader.read()
  return readOctetAlignedBits(reader.read(TAG.bitString).value, 'public key')
}
