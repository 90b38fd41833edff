import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { DerError, readSubjectPublicKey } from '@vouchsafe/der'
import { bitString, sequence, unsigned } from '@vouchsafe/der/writer'
import { TpmError } from './error.ts'
import type { CurveName } from './structures/curves.ts'
import { curves } from './structures/curves.ts'
import type { EccPublic, PublicArea, PublicCommon, RsaPublic } from './structures/public-area.ts'
import type { KdfScheme, Scheme } from './structures/scheme.ts'
import type { SymmetricDefinition } from './structures/symmetric.ts'

/** A public key as callers have it: node:crypto's, or SubjectPublicKeyInfo in DER. */
export type PublicKey = KeyObject | { spki: Uint8Array }

const RSA_ALGORITHM = Buffer.from('300d06092a864886f70d0101010500', 'hex') // rsaEncryption with NULL, RFC 3279 §2.3.1
const EC_PUBLIC_KEY = Buffer.from('06072a8648ce3d0201', 'hex') // id-ecPublicKey, RFC 5480 §2.1.1
const DEFAULT_EXPONENT = 65537
const UNCOMPRESSED = 0x04
const curveNames = Object.keys(curves) as CurveName[]

/**
 * The key as a public KeyObject. Throws TpmError for a secret key, for bytes that are no SubjectPublicKeyInfo, and for a key with an unsound part
 * (`readSubjectPublicKey`).
 */
export function toKeyObject(key: PublicKey): KeyObject {
  if (!('spki' in key)) {
    if (key.type === 'secret') throw new TpmError('public key: a secret key is none', { field: 'public key' })
    const publicKey = key.type === 'public' ? key : createPublicKey(key)
    requireSound(publicKey.export({ type: 'spki', format: 'der' }))
    return publicKey
  }
  requireSound(key.spki)
  try {
    return createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' })
  } catch {
    throw new TpmError('public key: not a SubjectPublicKeyInfo that can be read', { field: 'public key' })
  }
}

function requireSound(spki: Uint8Array): void {
  try {
    readSubjectPublicKey(spki, 'public key')
  } catch (error) {
    throw error instanceof DerError ? new TpmError(error.message, { field: 'public key' }) : error
  }
}

/** The curve of an elliptic-curve key, by the name of the TPM; undefined for other keys and curves. */
export function keyCurve(key: KeyObject): CurveName | undefined {
  // node:crypto knows no details of SM2 keys; for the others they are cheaper than an export.
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === undefined) return ecPoint(key)?.curve
  return curveNames.find((name) => namedCurve !== undefined && curves[name].openssl === namedCurve)
}

/** The point of an elliptic-curve key, by the names of the TPM; undefined for other keys, curves without a TPM identifier, and compressed points. */
export function ecPoint(key: KeyObject): { curve: CurveName; x: Uint8Array; y: Uint8Array } | undefined {
  const spki = key.export({ type: 'spki', format: 'der' })
  for (const curve of curveNames) {
    const { oid, size } = curves[curve]
    if (oid === undefined) continue
    const point = new Uint8Array(spki.subarray(-2 * size))
    if (point.length !== 2 * size) continue
    const coordinates = { x: point.slice(0, size), y: point.slice(size) }
    if (ecSpki(oid, coordinates.x, coordinates.y).every((byte, i) => byte === spki[i])) return { curve, ...coordinates }
  }
  return undefined
}

/**
 * The public key of an RSA or ECC object as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), without a check that it is a good one.
 * Throws TpmError for objects without a public key and for curves that have no object identifier.
 *
 * @example
 * Buffer.from(publicAreaSpki(akArea)).equals(publicKey.export({ type: 'spki', format: 'der' })) // → true
 */
export function publicAreaSpki(area: PublicArea): Uint8Array {
  if (area.type === 'rsa') {
    const exponent = new Uint8Array(4)
    new DataView(exponent.buffer).setUint32(0, area.exponent || DEFAULT_EXPONENT)
    return new Uint8Array(sequence(RSA_ALGORITHM, bitString(sequence(unsigned(area.modulus), unsigned(exponent)))))
  }
  if (area.type !== 'ecc') throw new TpmError(`type: a ${area.type} object has no public key`, { field: 'type' })
  const { oid, size } = curves[area.curve]
  if (oid === undefined) throw new TpmError(`curve: ${area.curve} has no object identifier`, { field: 'curve' })
  return ecSpki(oid, padded(area.x, size, 'x'), padded(area.y, size, 'y'))
}

/**
 * The public key of an RSA or ECC object for node:crypto. Throws TpmError also for a point that is not on its curve.
 *
 * @example
 * publicAreaKey(akArea).equals(publicKey) // → true
 */
export function publicAreaKey(area: PublicArea): KeyObject {
  return toKeyObject({ spki: publicAreaSpki(area) })
}

/** What a key alone doesn't say of an object; schemes are null unless given. */
export type PublicTemplate = PublicCommon & { symmetric?: SymmetricDefinition; scheme?: Scheme; kdf?: KdfScheme }

/**
 * The TPMT_PUBLIC for a key that was made elsewhere: RSA, or ECC on a curve of the TPM with an uncompressed point. The exponent 65537 is written as 0, as
 * TPMs do. Throws TpmError for other keys.
 *
 * @example
 * const area = publicAreaOf(publicKey, { nameAlg: 'sha256', attributes: ['restricted', 'sign'], authPolicy: new Uint8Array() })
 * area.type // → 'ecc'
 */
export function publicAreaOf(key: PublicKey, template: PublicTemplate): PublicArea {
  const keyObject = toKeyObject(key)
  const { symmetric = { algorithm: 'null' }, scheme = { scheme: 'null' }, kdf = { scheme: 'null' }, ...common } = template
  if (keyObject.asymmetricKeyType === 'rsa') return { ...common, ...rsaPublic(keyObject), symmetric, scheme }
  const point = ecPoint(keyObject)
  if (point === undefined) throw new TpmError('public key: neither RSA nor a point on a curve that TPMs have', { field: 'public key' })
  return { ...common, type: 'ecc', ...point, symmetric, scheme, kdf } satisfies PublicCommon & EccPublic
}

function rsaPublic(key: KeyObject): Pick<RsaPublic, 'type' | 'keyBits' | 'exponent' | 'modulus'> {
  const { n = '' } = key.export({ format: 'jwk' })
  const { modulusLength: keyBits = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (publicExponent > 0xffffffffn) throw new TpmError('public key: the exponent does not fit 32 bits', { field: 'public key' })
  const exponent = Number(publicExponent)
  return {
    type: 'rsa',
    keyBits,
    exponent: exponent === DEFAULT_EXPONENT ? 0 : exponent,
    modulus: new Uint8Array(Buffer.from(n, 'base64url')),
  }
}

function ecSpki(oid: string, x: Uint8Array, y: Uint8Array): Uint8Array {
  const point = Buffer.concat([Uint8Array.of(UNCOMPRESSED), x, y])
  return new Uint8Array(sequence(sequence(EC_PUBLIC_KEY, Buffer.from(oid, 'hex')), bitString(point)))
}

/** A number of at most `size` bytes with leading zeros up to there, as X9.62 has coordinates and TPMs may not. */
export function padded(number: Uint8Array, size: number, field: string): Uint8Array {
  if (number.length > size) throw new TpmError(`${field}: ${number.length} bytes, at most ${size} are possible`, { field })
  const result = new Uint8Array(size)
  result.set(number, size - number.length)
  return result
}
