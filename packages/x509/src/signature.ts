/** Signatures of certificates and CRLs, checked against a key whose kind must be the algorithm's. */
import { constants, KeyObject, verify } from 'node:crypto'
import { DerError, DerReader, MAX_RSA_BITS, readDer, readInteger, TAG } from '@vouchsafe/der'
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

/** A signature of a kind that fits the key, of which only the arithmetic is left to do. */
export interface SignatureQuestion {
  signed: Signed
  key: PublicKeyInfo
}

export interface SignatureOptions {
  /** Without it, SM2 signatures are refused. */
  sm2Verify?: Sm2Verify
  /** Decides instead of `verifySignatureHere`, for all but SM2: by what `verifySignatureAside` found before, say. */
  decide?: (question: SignatureQuestion) => boolean
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
  signed: Signed,
  publicKey: KeyObject | PublicKeyInfo,
  { sm2Verify, decide = verifySignatureHere, allowWeakHashes = false }: SignatureOptions = {},
): string | undefined {
  const { tbs, signatureAlgorithm: algorithm, signature } = signed
  const key = publicKey instanceof KeyObject ? describePublicKey(publicKey) : publicKey
  if (algorithm.kind === 'unknown') return `unknown signature algorithm ${algorithm.name}`
  if (!allowWeakHashes && (algorithm.hash === 'md5' || algorithm.hash === 'sha1')) return `weak hash ${algorithm.hash}`
  if (!KEY_KINDS[algorithm.kind].includes(key.kind)) return `${algorithm.name} with a key of kind ${key.kind}`
  if (key.kind === 'ec' && key.bits === undefined) return `curve ${key.curve ?? 'without a name'} is not supported`
  if ((key.bits ?? 0) > MAX_RSA_BITS) return `key of more than ${MAX_RSA_BITS} bits`
  // RFC 8017, 8.1.2 and 8.2.2, step 1: OpenSSL itself accepts a PSS signature without its leading zero bytes.
  if (key.kind.startsWith('rsa') && signature.length !== Math.ceil(key.bits! / 8)) return 'signature not as long as the modulus'
  if (algorithm.kind === 'sm2') return sm2Problem(tbs, signature, key, sm2Verify)
  try {
    return decide({ signed, key }) ? undefined : 'signature does not verify'
  } catch (error) {
    if (error instanceof X509Error) return error.message
    return 'signature does not verify'
  }
}

/** On this thread: at most about a millisecond, since a key's parts are bounded. Throws X509Error for a key that can't be used. */
function verifySignatureHere({ signed: { tbs, signatureAlgorithm: algorithm, signature }, key }: SignatureQuestion): boolean {
  return verify(algorithm.hash, tbs, { key: importPublicKey(key), ...padding(algorithm) }, signature)
}

/**
 * Answers a question that `SignatureOptions.decide` was asked, on a thread of Node's pool; false also for a key that can't be used.
 *
 * @example
 * await verifySignatureAside({ signed: leaf, key: ca.publicKey }) // → true
 */
export function verifySignatureAside({ signed, key }: SignatureQuestion): Promise<boolean> {
  const { tbs, signatureAlgorithm: algorithm, signature } = signed
  return new Promise((resolve) => {
    try {
      const how = { key: importPublicKey(key), ...padding(algorithm) }
      verify(algorithm.hash, tbs, how, signature, (error, valid) => resolve(error === null && valid))
    } catch {
      resolve(false)
    }
  })
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
