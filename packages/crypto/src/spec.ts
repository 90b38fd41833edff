/**
 * The one table of key specs. Everything else in this package is looked up by a spec's row, so a new spec starts here.
 */
import { CryptoInputError } from './errors.ts'

export type KeySpec =
  | 'EH_AES_GCM_128'
  | 'EH_AES_GCM_192'
  | 'EH_AES_GCM_256'
  | 'EH_RSA_2048'
  | 'EH_RSA_3072'
  | 'EH_RSA_4096'
  | 'EH_EC_P224'
  | 'EH_EC_P256'
  | 'EH_EC_P256K'
  | 'EH_EC_P384'
  | 'EH_EC_P521'
  | 'EH_SM2'
  | 'EH_SM4_CTR'
  | 'EH_SM4_CBC'
  | 'EH_HMAC'
export type EcSpec = Extract<KeySpec, `EH_EC_${string}`>
export type KeyFamily = 'aes-gcm' | 'sm4' | 'hmac' | 'rsa' | 'ec' | 'sm2'
export type KeyUsage = 'encrypt' | 'sign'
export type Padding = 'pkcs1' | 'pss' | 'oaep'
export type Digest = 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'sm3'

export interface KeySpecInfo {
  name: KeySpec
  /** The number that the eHSM-KMS wire gives this spec. */
  code: number
  family: KeyFamily
  symmetric: boolean
  /** Key length for symmetric keys, modulus length for RSA, field size for curves. */
  bits: number
  /** What the algorithm can do at all; what a key may do is its owner's choice. */
  usages: readonly KeyUsage[]
  /** Length in bytes of the raw material that can be imported; only for symmetric and HMAC keys. */
  materialBytes?: number
  /** False where a ciphertext can be altered unnoticed and additional data is ignored (SM4). */
  integrity: boolean
}

const ENCRYPT: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['encrypt'])
const SIGN: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['sign'])
const BOTH: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['encrypt', 'sign'])

function secret(name: KeySpec, code: number, family: KeyFamily, bits: number, usages: readonly KeyUsage[]): KeySpecInfo {
  return Object.freeze({ name, code, family, symmetric: true, bits, usages, materialBytes: bits / 8, integrity: family !== 'sm4' })
}

function keyPair(name: KeySpec, code: number, family: KeyFamily, bits: number, usages: readonly KeyUsage[]): KeySpecInfo {
  return Object.freeze({ name, code, family, symmetric: false, bits, usages, integrity: true })
}

/** Every key spec offered, by its wire name. */
export const KEY_SPECS: ReadonlyMap<KeySpec, KeySpecInfo> = new Map(
  [
    secret('EH_AES_GCM_128', 1, 'aes-gcm', 128, ENCRYPT),
    secret('EH_AES_GCM_192', 2, 'aes-gcm', 192, ENCRYPT),
    secret('EH_AES_GCM_256', 3, 'aes-gcm', 256, ENCRYPT),
    keyPair('EH_RSA_2048', 10, 'rsa', 2048, BOTH),
    keyPair('EH_RSA_3072', 11, 'rsa', 3072, BOTH),
    keyPair('EH_RSA_4096', 12, 'rsa', 4096, BOTH),
    keyPair('EH_EC_P224', 20, 'ec', 224, SIGN),
    keyPair('EH_EC_P256', 21, 'ec', 256, SIGN),
    keyPair('EH_EC_P256K', 22, 'ec', 256, SIGN),
    keyPair('EH_EC_P384', 23, 'ec', 384, SIGN),
    keyPair('EH_EC_P521', 24, 'ec', 521, SIGN),
    keyPair('EH_SM2', 30, 'sm2', 256, BOTH),
    secret('EH_SM4_CTR', 31, 'sm4', 128, ENCRYPT),
    secret('EH_SM4_CBC', 32, 'sm4', 128, ENCRYPT),
    secret('EH_HMAC', 40, 'hmac', 256, SIGN),
  ].map((info) => [info.name, info]),
)

/** Bytes of output of each digest offered. */
export const DIGEST_BYTES: Readonly<Record<Digest, number>> = Object.freeze({ sha224: 28, sha256: 32, sha384: 48, sha512: 64, sm3: 32 })

/** Whether `x` is the name of a key spec in the table. */
export function isKeySpec(x: unknown): x is KeySpec {
  return KEY_SPECS.has(x as KeySpec)
}

/**
 * The row of `spec`. A name outside the table is a fault of the program, not of its caller: names are parsed at the edge with
 * `isKeySpec`.
 */
export function specInfo(spec: KeySpec): KeySpecInfo {
  const info = KEY_SPECS.get(spec)
  if (info === undefined) throw new TypeError('unknown key spec')
  return info
}

/** Bytes of output of `digest`. @throws CryptoInputError 'digest' for a name outside the table. */
export function digestBytes(digest: Digest): number {
  if (!Object.hasOwn(DIGEST_BYTES, digest)) throw new CryptoInputError('digest', 'This digest is not offered.')
  return DIGEST_BYTES[digest]
}

/** The error for a key that cannot do what was asked at all. */
export function wrongKeyKind(spec: KeySpec, operation: string): CryptoInputError {
  return new CryptoInputError('wrong_key_kind', `A key of ${spec} cannot be used to ${operation}.`)
}

/** @throws CryptoInputError 'input_length' unless a precomputed digest has exactly the length of `digest`. */
export function requireDigestLength(digest: Digest, input: Uint8Array): void {
  const wanted = digestBytes(digest)
  if (input.length !== wanted)
    throw new CryptoInputError('input_length', `A ${digest} digest is ${wanted} bytes long, got ${input.length}.`)
}
