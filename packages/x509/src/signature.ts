/** Signatures of certificates and CRLs, checked against a key whose kind must be the algorithm's. */
import { constants, KeyObject, verify } from 'node:crypto'
import { DerError, DerReader, readDer, readInteger, TAG } from '@vouchsafe/der'
import type { SignatureAlgorithm } from './algorithm.ts'
import type { Signed } from './certificate.ts'
import { X509Error } from './errors.ts'
import { describePublicKey, importPublicKey, publicKeyBits } from './public-key.ts'
import type { PublicKeyInfo, PublicKeyKind } from './public-key.ts'

/**
 * SM2 with SM3 and the signer id of GM/T 0009 §10, which node:crypto doesn't apply: the uncompressed point (65 bytes), the message, and
 * `r ‖ s` (64 bytes).
 */
export type Sm2Verify = (point: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

export interface SignatureOptions {
  /** Without it, SM2 signatures are refused. */
  sm2Verify?: Sm2Verify
  /** MD5 and SHA-1, for which collisions can be constructed, are refused unless this is set. */
  allowWeakHashes?: boolean
}

const KEY_KINDS: Record<SignatureAlgorithm['kind'], readonly PublicKeyKind[]> = {
  'rsa-pkcs1': ['rsa'],
  'rsa-pss': ['rsa', 'rsa-pss'],
  ecdsa: ['ec'],
  ed25519: ['ed25519'],
  ed448: ['ed448'],
  sm2: ['sm2'],
  unknown: [],
}
/** Beyond this one verification takes milliseconds. */
const MAX_RSA_BITS = 8192

/**
 * Whether the signature verifies under the key.
 *
 * @example
 * verifySignature(leaf, ca.publicKey) // → true
 */
export function verifySignature(signed: Signed, publicKey: KeyObject | PublicKeyInfo, options: SignatureOptions = {}): boolean {
  return signatureProblem(signed, publicKey, options) === undefined
}

/**
 * Explains, for a report, why a signature is refused; undefined if it verifies.
 *
 * @example
 * signatureProblem(leaf, leaf.publicKey) // → 'signature does not verify'
 */
export function signatureProblem(
  { tbs, signatureAlgorithm: algorithm, signature }: Signed,
  publicKey: KeyObject | PublicKeyInfo,
  { sm2Verify, allowWeakHashes = false }: SignatureOptions = {},
): string | undefined {
  const key = publicKey instanceof KeyObject ? describePublicKey(publicKey) : publicKey
  if (algorithm.kind === 'unknown') return `unknown signature algorithm ${algorithm.name}`
  if (!allowWeakHashes && (algorithm.hash === 'md5' || algorithm.hash === 'sha1')) return `weak hash ${algorithm.hash}`
  if (!KEY_KINDS[algorithm.kind].includes(key.kind)) return `${algorithm.name} with a key of kind ${key.kind}`
  if (key.kind === 'ec' && key.bits === undefined) return `curve ${key.curve ?? 'without a name'} is not supported`
  if ((key.bits ?? 0) > MAX_RSA_BITS) return `key of more than ${MAX_RSA_BITS} bits`
  if (algorithm.kind === 'sm2') return sm2Problem(tbs, signature, key, sm2Verify)
  try {
    const valid = verify(algorithm.hash, tbs, { key: importPublicKey(key), ...padding(algorithm) }, signature)
    return valid ? undefined : 'signature does not verify'
  } catch (error) {
    if (error instanceof X509Error) return error.message
    return 'signature does not verify'
  }
}

function padding({ kind, saltLength }: SignatureAlgorithm): { padding?: number; saltLength?: number } {
  if (kind === 'rsa-pkcs1') return { padding: constants.RSA_PKCS1_PADDING }
  return kind === 'rsa-pss' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLength! } : {}
}

function sm2Problem(tbs: Buffer, signature: Buffer, key: PublicKeyInfo, sm2Verify: Sm2Verify | undefined): string | undefined {
  if (!sm2Verify) return 'SM2 signatures are not supported here'
  const point = publicKeyBits(key)
  if (point.length !== 65 || point[0] !== 4) return 'SM2 key is not an uncompressed point'
  const compact = compactSignature(signature)
  return compact && sm2Verify(point, tbs, compact) ? undefined : 'signature does not verify'
}

/** `r ‖ s`, 32 bytes each, from SEQUENCE { r INTEGER, s INTEGER }; undefined unless it is exactly that and positive. */
function compactSignature(der: Buffer): Buffer | undefined {
  try {
    const reader = new DerReader(readDer(der, TAG.sequence, 'signature').value, 'signature')
    const parts = [reader.read(TAG.integer), reader.read(TAG.integer)].map(({ value }) => readInteger(value, 'signature', 33))
    reader.end()
    if (parts.some((part) => part <= 0n || part >= 1n << 256n)) return undefined
    return Buffer.from(parts.map((part) => part.toString(16).padStart(64, '0')).join(''), 'hex')
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
