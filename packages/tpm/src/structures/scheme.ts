import type { HashAlgorithm } from '../hash.ts'
import type { AlgorithmName } from './algorithms.ts'
import { algorithmIds, readAlgorithm, readHash } from './algorithms.ts'
import type { TpmReader } from './reader.ts'
import type { TpmWriter } from './writer.ts'

type HashScheme = 'rsassa' | 'rsapss' | 'oaep' | 'ecdsa' | 'sm2' | 'ecschnorr' | 'ecdh' | 'ecmqv' | 'hmac'
type KdfName = 'mgf1' | 'kdf1-sp800-56a' | 'kdf2' | 'kdf1-sp800-108'

/** What a key, or a command, signs or encrypts with: an algorithm and what belongs to it (TPM 2.0 Library, Part 2, §11.1 and §11.2). */
export type Scheme =
  | { scheme: 'null' | 'rsaes' }
  | { scheme: HashScheme; hash: HashAlgorithm }
  | { scheme: 'ecdaa'; hash: HashAlgorithm; count: number }
  | { scheme: 'xor'; hash: HashAlgorithm; kdf: KdfName | 'null' }

/** A key derivation of TPMT_KDF_SCHEME (Part 2, §11.2.3). */
export type KdfScheme = { scheme: 'null' } | { scheme: KdfName; hash: HashAlgorithm }

const KDFS = ['mgf1', 'kdf1-sp800-56a', 'kdf2', 'kdf1-sp800-108', 'null'] as const satisfies AlgorithmName[]

/** Which schemes may stand where. */
export const rsaSchemes = ['null', 'rsassa', 'rsapss', 'rsaes', 'oaep'] as const satisfies Scheme['scheme'][]
export const eccSchemes = ['null', 'ecdsa', 'sm2', 'ecdaa', 'ecschnorr', 'ecdh', 'ecmqv'] as const satisfies Scheme['scheme'][]
export const keyedHashSchemes = ['null', 'hmac', 'xor'] as const satisfies Scheme['scheme'][]

/**
 * Reads TPMT_RSA_SCHEME, TPMT_ECC_SCHEME, TPMT_SIG_SCHEME or TPMT_KEYEDHASH_SCHEME, which are alike but for what is allowed.
 *
 * @example
 * readScheme(new TpmReader(Buffer.from('0018000b', 'hex')), 'scheme', eccSchemes) // → { scheme: 'ecdsa', hash: 'sha256' }
 */
export function readScheme(reader: TpmReader, field: string, allowed: readonly Scheme['scheme'][]): Scheme {
  const scheme = readAlgorithm(reader, field, allowed)
  if (scheme === 'null' || scheme === 'rsaes') return { scheme }
  const hash = readHash(reader, `${field} hash`)
  if (scheme === 'ecdaa') return { scheme, hash, count: reader.u16(`${field} count`) }
  if (scheme === 'xor') return { scheme, hash, kdf: readAlgorithm(reader, `${field} kdf`, KDFS) }
  return { scheme, hash }
}

/**
 * Writes a scheme of any of those types.
 *
 * @example
 * writeScheme(new TpmWriter(), { scheme: 'ecdsa', hash: 'sha256' }).finish().toHex() // → '0018000b'
 */
export function writeScheme(writer: TpmWriter, scheme: Scheme | KdfScheme): TpmWriter {
  writer.u16(algorithmIds[scheme.scheme])
  if ('hash' in scheme) writer.u16(algorithmIds[scheme.hash])
  if ('count' in scheme) writer.u16(scheme.count, 'ECDAA count')
  if ('kdf' in scheme) writer.u16(algorithmIds[scheme.kdf])
  return writer
}

/** Reads TPMT_KDF_SCHEME. */
export function readKdfScheme(reader: TpmReader, field: string): KdfScheme {
  const scheme = readAlgorithm(reader, field, KDFS)
  return scheme === 'null' ? { scheme } : { scheme, hash: readHash(reader, `${field} hash`) }
}
