/**
 * Public keys that others send: the one place where every part of them is checked before any arithmetic is done with it. That a point is on
 * its curve is the one thing left to node:crypto, which refuses to import any other.
 */
import { DerError } from './error.ts'
import { DerReader, readDer, readInteger, readOctetAlignedBits, readOid, TAG } from './reader.ts'
import type { DerElement } from './reader.ts'

/** Beyond this one verification takes milliseconds. */
export const MAX_RSA_BITS = 8192
const MAX_RSA_BYTES = MAX_RSA_BITS / 8 + 1
/** FIPS 186-5 §A.1.1 allows more; with an exponent as long as the modulus a verification costs as much as a signature. */
const MAX_RSA_EXPONENT = 1n << 32n
const MAX_EXPONENT_BYTES = 5

/** rsaEncryption, id-RSAES-OAEP, id-RSASSA-PSS (RFC 8017 §A.2). */
const RSA_ALGORITHMS: ReadonlySet<string> = new Set(['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.7', '1.2.840.113549.1.1.10'])
const EC_ALGORITHM = '1.2.840.10045.2.1'

export interface RsaPublicKey {
  modulus: bigint
  exponent: bigint
  /** Length of the modulus. */
  bits: number
}

export interface SubjectPublicKey {
  /** Object identifier. */
  algorithm: string
  parameters: DerElement | undefined
  /** The contents of the BIT STRING: an RSAPublicKey, a point. */
  key: Buffer
  /** For the three RSA algorithms. */
  rsa?: RsaPublicKey
  /** The whole SubjectPublicKeyInfo. */
  raw: Buffer
}

/**
 * Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): an RSA key as `rsaKeyProblem` has it, an EC point compressed or uncompressed (RFC 5480
 * §2.2, so neither hybrid nor at infinity). Keys of other algorithms are passed on. Throws DerError.
 */
export function readSubjectPublicKey(der: Uint8Array, field: string): SubjectPublicKey {
  const { raw, value } = readDer(der, TAG.sequence, field)
  const reader = new DerReader(value, field)
  const identifier = reader.enter()
  const key = readOctetAlignedBits(reader.read(TAG.bitString).value, field)
  reader.end()
  const algorithm = readOid(identifier.read(TAG.objectIdentifier).value, field)
  const parameters = identifier.nextTag === undefined ? undefined : identifier.read()
  identifier.end()
  if (algorithm === EC_ALGORITHM && (key.length < 2 || key[0]! < 2 || key[0]! > 4))
    throw new DerError(`${field}: neither a compressed nor an uncompressed point`)
  return { algorithm, parameters, key, ...(RSA_ALGORITHMS.has(algorithm) && { rsa: readRsaPublicKey(key, field) }), raw }
}

/** Reads an RSAPublicKey (RFC 8017 §A.1.1). Throws DerError. */
function readRsaPublicKey(der: Uint8Array, field: string): RsaPublicKey {
  const reader = new DerReader(readDer(der, TAG.sequence, field).value, field)
  const modulus = readInteger(reader.read(TAG.integer).value, field, MAX_RSA_BYTES)
  const exponent = readInteger(reader.read(TAG.integer).value, `${field}: RSA exponent`, MAX_EXPONENT_BYTES)
  reader.end()
  const problem = rsaKeyProblem(modulus, exponent)
  if (problem !== undefined) throw new DerError(`${field}: ${problem}`)
  return { modulus, exponent, bits: modulus.toString(2).length }
}

/**
 * What is wrong with an RSA public key, in words; undefined for one with an odd modulus of at most 8192 bits and an odd exponent from 3 to
 * 2^32. How short a modulus may be is for its user to say.
 */
export function rsaKeyProblem(modulus: bigint, exponent: bigint): string | undefined {
  if (modulus <= 0n) return 'modulus not positive'
  if (modulus % 2n === 0n) return 'modulus not odd'
  if (modulus >> BigInt(MAX_RSA_BITS) > 0n) return `modulus of more than ${MAX_RSA_BITS} bits`
  if (exponent < 3n || exponent > MAX_RSA_EXPONENT || exponent % 2n === 0n) return 'RSA exponent not odd, or not between 3 and 2^32'
  return undefined
}
