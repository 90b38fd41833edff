/**
 * Policies and baselines that users sign: compact JWS (RFC 7515) against the user's stored certificates (contract §8.6, decisions "Baselines").
 * RSA PKCS#1 v1.5 and PSS and ECDSA with SHA-256/384/512, and SM2 with SM3. ECDSA and SM2 signatures may be r and s side by side, as JWS
 * has them, or DER, as the original's scripts produce them.
 */
import { constants, verify, type KeyObject } from 'node:crypto'
import { CryptoBusyError, type KeyCrypto } from '@vouchsafe/crypto'
import { X509Error, publicKeyOf } from '@vouchsafe/x509'
import { ServiceError, invalid } from '../foundation/index.ts'
import { integer, sequence } from '@vouchsafe/der/writer'
import type { Signer } from './certificates/trust.ts'

const MAX_HEADER_CHARACTERS = 8 * 1024
const MAX_SIGNATURE_CHARACTERS = 2 * 1024
/** Bytes of r, and of s. */
const SM2_HALF = 32
const CURVE_HALVES = new Map([
  ['prime256v1', 32],
  ['secp384r1', 48],
  ['secp521r1', 66],
])

interface Algorithm {
  kind: 'rsa' | 'rsa-pss' | 'ec' | 'sm2'
  hash: string
}

const ALGORITHMS = new Map<string, Algorithm>([
  ...['256', '384', '512'].flatMap((bits): [string, Algorithm][] => [
    [`RS${bits}`, { kind: 'rsa', hash: `sha${bits}` }],
    [`PS${bits}`, { kind: 'rsa-pss', hash: `sha${bits}` }],
    [`ES${bits}`, { kind: 'ec', hash: `sha${bits}` }],
  ]),
  // RFC 7518 defines no name for it; these are in use.
  ...['SM2-SM3', 'SM2SM3', 'SM2_SM3', 'SM3withSM2', 'SM2', 'SM3'].map((name): [string, Algorithm] => [name, { kind: 'sm2', hash: 'sm3' }]),
])

/** A parsed JWS; nothing in it is verified. */
export interface SignedContent {
  algorithm: Algorithm
  /** base64url. */
  payload: string
  signingInput: Buffer
  signature: Buffer
}

/** How foreign signatures are verified. */
export interface Verification {
  crypto: Pick<KeyCrypto, 'verify'>
  /** Runs one verification when it is the turn of the request's user, out of the request's budget. */
  inTurn: (run: () => Promise<boolean>) => Promise<boolean>
}

/** @throws {ServiceError} `invalid` if it isn't a JWS that could be verified */
export function parseSignedContent(text: string): SignedContent {
  const first = text.indexOf('.')
  const last = text.lastIndexOf('.')
  // One-byte characters: what is verified is what is read.
  if (first < 1 || last === first || text.indexOf('.', first + 1) !== last || Buffer.byteLength(text) !== text.length) {
    throw invalid('content', 'must be a signed JWT: three parts in base64url with dots between them')
  }
  const header = headerOf(text.slice(0, first))
  const algorithm = typeof header.alg === 'string' ? ALGORITHMS.get(header.alg) : undefined
  if (algorithm === undefined) {
    const known = [...ALGORITHMS.keys()].slice(0, 10).join(', ')
    const given = shown(header.alg)
    throw new ServiceError('signature_algorithm', {
      message: `Signatures with ${given} are not accepted (there are ${known}).`,
      facts: { given, known },
    })
  }
  if (header.crit !== undefined) throw invalid('content', ': the header has critical extensions (crit), of which none is known')
  const signature = last + 1 + MAX_SIGNATURE_CHARACTERS < text.length ? undefined : bytesOf(text.slice(last + 1))
  if (signature === undefined || signature.length === 0) throw invalid('content', ': the signature is not base64url')
  return { algorithm, payload: text.slice(first + 1, last), signingInput: Buffer.from(text.slice(0, last), 'latin1'), signature }
}

/**
 * The stored certificate that signed the content.
 * @param what the name used in refusals: `reference value`, `policy`
 * @throws {ServiceError} `signer_untrusted` if none did, or if the one that did is expired, revoked or otherwise not trusted
 */
export async function signerOf(
  content: SignedContent,
  signers: readonly Signer[],
  verification: Verification,
  what: string,
): Promise<Signer> {
  // If a key is in several certificates, one that may sign comes first.
  for (const signer of [...signers].sort((a, b) => Number(b.valid) - Number(a.valid))) {
    if (!(await verifies(content, signer, verification))) continue
    if (signer.valid) return signer
    const { name = '', found = '', note = '' } = signer.checks.find(({ passed }) => !passed) ?? {}
    const why = [name, found, note].filter((part) => part !== '').join(': ')
    throw untrusted(what, `the signer's certificate '${signer.name}' may not sign now (${why})`)
  }
  const count = signers.length === 0 ? 'none is stored' : `${signers.length} tried`
  throw untrusted(what, `no certificate of that type verifies it (${count})`)
}

function untrusted(what: string, reason: string): ServiceError {
  return new ServiceError('signer_untrusted', {
    message: `The signature of the ${what} is not trusted: ${reason}`,
    facts: { what, reason },
  })
}

async function verifies(content: SignedContent, { certificate }: Signer, { crypto, inTurn }: Verification): Promise<boolean> {
  let key: KeyObject
  try {
    key = publicKeyOf(certificate)
  } catch (error) {
    if (error instanceof X509Error) return false
    throw error
  }
  const { algorithm, signingInput, signature } = content
  const { kind, bits = 0 } = certificate.publicKey
  // RFC 8017, 8.1.2 and 8.2.2, step 1: OpenSSL itself accepts a PSS signature without its leading zero bytes.
  if (kind.startsWith('rsa') && signature.length !== Math.ceil(bits / 8)) return false
  const verifyAside = (hash: string, key: Parameters<typeof verify>[2]) => inTurn(() => verifyOnPool(hash, signingInput, key, signature))
  switch (algorithm.kind) {
    case 'rsa':
      return kind === 'rsa' && verifyAside(algorithm.hash, { key, padding: constants.RSA_PKCS1_PADDING })
    case 'rsa-pss': {
      const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      return (kind === 'rsa' || kind === 'rsa-pss') && verifyAside(algorithm.hash, pss)
    }
    case 'ec': {
      const half = CURVE_HALVES.get(certificate.publicKey.curve ?? '')
      if (kind !== 'ec' || half === undefined) return false
      const sideBySide = signature.length === 2 * half
      if (sideBySide && (await verifyAside(algorithm.hash, { key, dsaEncoding: 'ieee-p1363' }))) return true
      return verifyAside(algorithm.hash, { key, dsaEncoding: 'der' })
    }
    case 'sm2':
      return kind === 'sm2' && inTurn(() => verifySm2(crypto, key, signingInput, signature))
  }
}

function verifyOnPool(hash: string, data: Buffer, key: Parameters<typeof verify>[2], signature: Buffer): Promise<boolean> {
  // A key that does not fit the algorithm (an RSA-PSS key restricted to another hash) verifies nothing.
  return new Promise((resolve) => {
    try {
      verify(hash, data, key, signature, (error, result) => resolve(error === null && result))
    } catch {
      resolve(false)
    }
  })
}

async function verifySm2(crypto: Pick<KeyCrypto, 'verify'>, key: KeyObject, data: Buffer, signature: Buffer): Promise<boolean> {
  try {
    if (signature.length === 2 * SM2_HALF && (await crypto.verify('sm2', key, data, sm2Der(signature)))) return true
    return await crypto.verify('sm2', key, data, signature)
  } catch (error) {
    if (error instanceof CryptoBusyError) throw new ServiceError('busy', { cause: error })
    throw error
  }
}

function sm2Der(signature: Buffer): Buffer {
  const [r, s] = [signature.subarray(0, SM2_HALF), signature.subarray(SM2_HALF)].map((half) => BigInt(`0x${half.toString('hex')}`))
  return sequence(integer(r!), integer(s!))
}

function headerOf(text: string): Record<string, unknown> {
  const bytes = text.length > MAX_HEADER_CHARACTERS ? undefined : bytesOf(text)
  try {
    const header: unknown = JSON.parse(bytes!.toString())
    if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header as Record<string, unknown>
  } catch {
    // As for any other invalid header.
  }
  throw invalid('content', ': the header of the JWT is not a JSON object in base64url')
}

/** Bytes of base64url without padding; undefined for other text. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : 'none'
}
