import type { KeyObject } from 'node:crypto'
import { constants, verify } from 'node:crypto'
import type { Check } from '@vouchsafe/checks'
import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { hash } from './hash.ts'
import type { PublicKey } from './public-key.ts'
import { ecPoint, keyCurve, padded, toKeyObject } from './public-key.ts'
import type { CurveName } from './structures/curves.ts'
import { curves } from './structures/curves.ts'
import type { TpmSignature } from './structures/signature.ts'

/**
 * Verifies SM2 for us. `digest` is the hash of the message alone: a TPM signs it as it is, without the Z of the signer's identity that GM/T 0009 puts before
 * the message (TPM 2.0 Library, Part 1, Annex C). `point`: 04 ‖ x ‖ y; `signature`: r ‖ s, 32 bytes each.
 */
export type Sm2Verify = (input: { point: Uint8Array; digest: Uint8Array; message: Uint8Array; signature: Uint8Array }) => boolean

export type SignatureRules = {
  /** Hashes that a signature may use; without SHA-1 unless given. */
  allowedHashes?: readonly HashAlgorithm[]
  /** The smallest RSA modulus; 2048 unless given. */
  minimumRsaBits?: number
  hashes?: Hashes
  sm2Verify?: Sm2Verify
}

const STRONG_HASHES: readonly HashAlgorithm[] = ['sha256', 'sha384', 'sha512', 'sm3']
const MINIMUM_RSA_BITS = 2048
const MAXIMUM_RSA_BITS = 4096 // more than TPMs have; bounds the work of a verification
const ECDSA_CURVES: readonly CurveName[] = ['nist-p256', 'nist-p384', 'nist-p521']

type AsymmetricSignature = Extract<TpmSignature, { scheme: 'rsassa' | 'rsapss' | 'ecdsa' | 'sm2' }>

/**
 * Verifies a TPM's signature of any attestation (TPM 2.0 Library, Part 1, Annex B and C). The message is what was signed, such as a TPMS_ATTEST.
 * Checks `signature-scheme`, `key` and `signature`; the last is left out when one before it failed. Throws nothing but TpmError, for a key that can't be read.
 *
 * @example
 * verifySignature(quote, parseSignature(signature), publicKey).every(({ passed }) => passed) // → true
 */
export function verifySignature(message: Uint8Array, signature: TpmSignature, publicKey: PublicKey, rules: SignatureRules = {}): Check[] {
  const key = toKeyObject(publicKey)
  const scheme = checkScheme(signature, rules)
  const suitable = checkKey(signature, key, rules)
  if (!scheme.passed || !suitable.passed || !isAsymmetric(signature)) return [scheme, suitable]
  return [scheme, suitable, checkSignature(message, signature, key, rules)]
}

function isAsymmetric(signature: TpmSignature): signature is AsymmetricSignature {
  return ['rsassa', 'rsapss', 'ecdsa', 'sm2'].includes(signature.scheme)
}

function checkScheme(signature: TpmSignature, { allowedHashes = STRONG_HASHES }: SignatureRules): Check {
  const check = { name: 'signature-scheme', expected: `rsassa, rsapss, ecdsa or sm2 with ${allowedHashes.join(', ')}` }
  if (signature.scheme === 'null') return { ...check, passed: false, found: 'null', note: 'there is no signature' }
  const found = `${signature.scheme} with ${signature.hash}`
  if (signature.scheme === 'hmac') {
    return { ...check, passed: false, found, note: 'whoever can verify an HMAC can make it, so it proves nothing to others' }
  }
  if (!isAsymmetric(signature)) return { ...check, passed: false, found, note: `${signature.scheme} signatures are not supported` }
  if (!allowedHashes.includes(signature.hash))
    return { ...check, passed: false, found, note: `${signature.hash} is not allowed in signatures` }
  return { ...check, passed: true, found }
}

function checkKey(signature: TpmSignature, key: KeyObject, { minimumRsaBits = MINIMUM_RSA_BITS }: SignatureRules): Check {
  const found = describeKey(key)
  switch (signature.scheme) {
    case 'rsassa':
    case 'rsapss': {
      const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
      const type = key.asymmetricKeyType
      const fits = type === 'rsa' || (type === 'rsa-pss' && signature.scheme === 'rsapss')
      // The exponent was looked at when the key was read.
      const sound = modulusLength >= minimumRsaBits && modulusLength <= MAXIMUM_RSA_BITS
      return { name: 'key', passed: fits && sound, expected: `RSA of ${minimumRsaBits} to ${MAXIMUM_RSA_BITS} bits`, found }
    }
    case 'ecdsa':
      return { name: 'key', passed: ECDSA_CURVES.some((curve) => found === curve), expected: ECDSA_CURVES.join(', '), found }
    case 'sm2':
      return { name: 'key', passed: found === 'sm2-p256', expected: 'sm2-p256', found }
    default:
      return { name: 'key', passed: false, found, note: `no key verifies ${signature.scheme} here` }
  }
}

function describeKey(key: KeyObject): string {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined) return `RSA of ${modulusLength} bits${publicExponent === 65537n ? '' : `, exponent ${publicExponent}`}`
  return keyCurve(key) ?? key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'a key of unknown type'
}

function checkSignature(message: Uint8Array, signature: AsymmetricSignature, key: KeyObject, rules: SignatureRules): Check {
  try {
    const passed = isValid(message, signature, key, rules)
    return { name: 'signature', passed, ...(!passed && { note: 'the key did not make this signature of these bytes' }) }
  } catch (error) {
    return { name: 'signature', passed: false, note: error instanceof TpmError ? error.message : 'the verification failed' }
  }
}

function isValid(message: Uint8Array, signature: AsymmetricSignature, key: KeyObject, { hashes, sm2Verify }: SignatureRules): boolean {
  switch (signature.scheme) {
    case 'rsassa':
      if (!isAsLongAsModulus(signature.signature, key)) return false
      return verify(nodeHash(signature.hash), message, { key, padding: constants.RSA_PKCS1_PADDING }, signature.signature)
    case 'rsapss': {
      if (!isAsLongAsModulus(signature.signature, key)) return false
      // TPMs use the largest salt, or the digest's size in FIPS mode (Part 1, Annex B, "RSASSA_PSS").
      const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
      return verify(nodeHash(signature.hash), message, { key, ...pss }, signature.signature)
    }
    case 'ecdsa': {
      const { size } = curves[keyCurve(key)!]
      return verify(nodeHash(signature.hash), message, { key, dsaEncoding: 'ieee-p1363' }, joined(signature, size))
    }
    case 'sm2': {
      if (sm2Verify === undefined) throw new TpmError('no function that verifies SM2 was given')
      const { x, y } = ecPoint(key)!
      const point = new Uint8Array(Buffer.concat([Uint8Array.of(0x04), x, y]))
      const digest = hash(signature.hash, message, hashes)
      return sm2Verify({ point, digest, message, signature: joined(signature, curves['sm2-p256'].size) }) === true
    }
  }
}

/** RFC 8017, 8.1.2 and 8.2.2, step 1; OpenSSL itself accepts a PSS signature without its leading zero bytes. */
function isAsLongAsModulus(signature: Uint8Array, key: KeyObject): boolean {
  return signature.length === Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}

/** r ‖ s of a curve's size each (IEEE P1363). */
function joined({ r, s }: { r: Uint8Array; s: Uint8Array }, size: number): Uint8Array {
  return new Uint8Array(Buffer.concat([padded(r, size, 'signature r'), padded(s, size, 'signature s')]))
}

function nodeHash(algorithm: HashAlgorithm): string {
  if (algorithm === 'sm3') throw new TpmError('sm3 is supported in SM2 signatures only')
  return algorithm
}
