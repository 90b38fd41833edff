/**
 * The one table of key specs. Everything in this package that depends on a spec is in its row, so a new spec is a new row here (and a known
 * answer in `self-test-vectors.ts` for a new algorithm).
 */
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { CryptoInputError } from './errors.ts'

export type KeyFamily = 'aes-gcm' | 'sm4' | 'hmac' | 'rsa' | 'ec' | 'sm2'
export type KeyUsage = 'encrypt' | 'sign'
export type Padding = 'pkcs1' | 'pss' | 'oaep'
export type Digest = 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'sm3'

/** The curve of a key pair. */
export interface Curve {
  /** OpenSSL's name. */
  name: string
  /** Object identifier, DER in hex (SEC 2 appendix A; GM/T 0006 for SM2). */
  oid: string
  /** Bytes of a scalar. */
  width: number
}

/** A curve of ECDSA. */
export interface EcCurve extends Curve {
  /** Whether signing takes well under a millisecond (measured: 0.02–0.3 ms against 0.6–2.2 ms). */
  quick: boolean
  /** ECDSA over precomputed digests, loaded when it is first needed. */
  load: () => Promise<ECDSA>
}

interface SpecRow {
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
  /** Only for key pairs on a curve. */
  curve?: Curve
}

const ENCRYPT: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['encrypt'])
const SIGN: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['sign'])
const BOTH: readonly KeyUsage[] = Object.freeze<KeyUsage[]>(['encrypt', 'sign'])

function secret(family: KeyFamily, bits: number, usages: readonly KeyUsage[]): SpecRow {
  return { family, symmetric: true, bits, usages, materialBytes: bits / 8, integrity: family !== 'sm4' }
}

function rsa(bits: number): SpecRow {
  return { family: 'rsa', symmetric: false, bits, usages: BOTH, integrity: true }
}

function ec(bits: number, curve: EcCurve): SpecRow & { family: 'ec'; curve: EcCurve } {
  return { family: 'ec', symmetric: false, bits, usages: SIGN, integrity: true, curve }
}

const SM2_CURVE: Curve = { name: 'SM2', oid: '06082a811ccf5501822d', width: 32 }

/** Secret keys of AES-GCM and SM4 are named as OpenSSL names their ciphers; `ec-secp256k1` is the curve of SEC 2, P-256K elsewhere. */
const TABLE = {
  'aes-128-gcm': secret('aes-gcm', 128, ENCRYPT),
  'aes-192-gcm': secret('aes-gcm', 192, ENCRYPT),
  'aes-256-gcm': secret('aes-gcm', 256, ENCRYPT),
  'rsa-2048': rsa(2048),
  'rsa-3072': rsa(3072),
  'rsa-4096': rsa(4096),
  'ec-p224': ec(224, {
    name: 'secp224r1',
    oid: '06052b81040021',
    width: 28,
    quick: true,
    load: async () => (await import('./p224.ts')).p224,
  }),
  'ec-p256': ec(256, {
    name: 'prime256v1',
    oid: '06082a8648ce3d030107',
    width: 32,
    quick: true,
    load: async () => (await import('@noble/curves/nist.js')).p256,
  }),
  'ec-secp256k1': ec(256, {
    name: 'secp256k1',
    oid: '06052b8104000a',
    width: 32,
    quick: true,
    load: async () => (await import('@noble/curves/secp256k1.js')).secp256k1,
  }),
  'ec-p384': ec(384, {
    name: 'secp384r1',
    oid: '06052b81040022',
    width: 48,
    quick: false,
    load: async () => (await import('@noble/curves/nist.js')).p384,
  }),
  'ec-p521': ec(521, {
    name: 'secp521r1',
    oid: '06052b81040023',
    width: 66,
    quick: false,
    load: async () => (await import('@noble/curves/nist.js')).p521,
  }),
  sm2: { family: 'sm2', symmetric: false, bits: 256, usages: BOTH, integrity: true, curve: SM2_CURVE },
  'sm4-ctr': secret('sm4', 128, ENCRYPT),
  'sm4-cbc': secret('sm4', 128, ENCRYPT),
  /** A key of 256 bits; the digest is chosen with each MAC. */
  'hmac-256': secret('hmac', 256, SIGN),
} as const satisfies Record<string, SpecRow>

export type KeySpec = keyof typeof TABLE
export type EcSpec = { [S in KeySpec]: (typeof TABLE)[S] extends { family: 'ec' } ? S : never }[KeySpec]
export type KeySpecInfo = SpecRow & { name: KeySpec }

/** Every key spec offered, by its name. */
export const KEY_SPECS: ReadonlyMap<KeySpec, KeySpecInfo> = new Map(
  (Object.entries(TABLE) as [KeySpec, SpecRow][]).map(([name, row]) => [name, Object.freeze({ name, ...row })]),
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

/** The curve of an ECDSA key spec. */
export function curveOf(spec: EcSpec): EcCurve {
  return TABLE[spec].curve
}

/** Bytes of output of `digest`. @throws CryptoInputError 'digest' for a name outside the table. */
export function digestBytes(digest: Digest): number {
  if (!Object.hasOwn(DIGEST_BYTES, digest)) throw new CryptoInputError('digest', 'This digest is not offered.')
  return DIGEST_BYTES[digest]
}

/** The error for a key that cannot do what was asked at all. */
export function wrongKeyKind(spec: KeySpec, operation: string): CryptoInputError {
  return new CryptoInputError('wrong_key_kind', `A key of ${spec} cannot be used to ${operation}.`, { spec, operation })
}

/** @throws CryptoInputError 'input_length' unless a precomputed digest has exactly the length of `digest`. */
export function requireDigestLength(digest: Digest, input: Uint8Array): void {
  const wanted = digestBytes(digest)
  if (input.length !== wanted) {
    const message = `A ${digest} digest is ${wanted} bytes long, got ${input.length}.`
    throw new CryptoInputError('input_length', message, { digest, wanted, length: input.length })
  }
}
