/** Public halves of key objects. Each is derived once and kept as long as its private key object lives. */
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { DerReader, readDer, readOctetAlignedBits, TAG } from '@vouchsafe/der'
import { CryptoInputError } from './errors.ts'
import { wrongKeyKind } from './spec.ts'
import type { KeySpec } from './spec.ts'

const derived = new WeakMap<KeyObject, KeyObject>()

/**
 * The public half of a private key object; a public one is returned as it is. @throws CryptoInputError 'wrong_key_kind' for a secret key.
 */
export function publicHalf(spec: KeySpec, key: KeyObject): KeyObject {
  if (key.type === 'public') return key
  if (key.type === 'secret') throw wrongKeyKind(spec, 'derive a public key')
  let publicKey = derived.get(key)
  if (publicKey === undefined) {
    publicKey = createPublicKey(key)
    derived.set(key, publicKey)
  }
  return publicKey
}

/** @throws CryptoInputError 'wrong_key_kind' unless `key` is a private key. */
export function requirePrivate(spec: KeySpec, key: KeyObject, operation: string): void {
  if (key.type !== 'private') throw new CryptoInputError('wrong_key_kind', `It takes the private key of ${spec} to ${operation}.`)
}

/** SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7). */
export function spkiDer(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

/** Contents of the AlgorithmIdentifier in a public key: algorithm and parameters. */
export function algorithmIdentifier(publicKey: KeyObject): Buffer {
  return Buffer.from(enter(spkiDer(publicKey)).read(TAG.sequence).value)
}

/** The encoded point (SEC 1 §2.3.3) in an elliptic curve's public key, SM2 included. */
export function ecPoint(publicKey: KeyObject): Uint8Array {
  const spki = enter(spkiDer(publicKey))
  spki.read(TAG.sequence)
  return readOctetAlignedBits(spki.read(TAG.bitString).value, 'public key')
}

/** The secret scalar of an elliptic curve's private key, SM2 included: big-endian, as wide as the curve's order. The caller zeroes it. */
export function ecScalar(privateKey: KeyObject): Uint8Array {
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  try {
    // PrivateKeyInfo { version, algorithm, OCTET STRING { ECPrivateKey { version, OCTET STRING scalar, … } } } (RFC 5958, RFC 5915)
    const info = enter(der)
    info.read(TAG.integer)
    info.read(TAG.sequence)
    const ecKey = enter(info.read(TAG.octetString).value)
    ecKey.read(TAG.integer)
    return Uint8Array.from(ecKey.read(TAG.octetString).value)
  } finally {
    der.fill(0)
  }
}

/** The contents of the SEQUENCE that a key of node:crypto's is. */
function enter(der: Uint8Array): DerReader {
  return new DerReader(readDer(der, TAG.sequence, 'key').value, 'key')
}
