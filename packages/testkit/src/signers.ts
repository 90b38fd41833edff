// Signers of policies and baselines for tests: keys and certificates by OpenSSL, dated around now.
import { execFileSync } from 'node:child_process'
import { constants, createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type SignerKind = 'rsa' | 'ec' | 'sm2'

export interface TestSigner {
  /** Self-signed, PEM. */
  certificate: string
  privateKey: KeyObject
}

const KEYS: Readonly<Record<SignerKind, string[]>> = {
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  sm2: ['-algorithm', 'SM2'],
}

/** The signer id of GM/T 0009 §10. */
const SM2_ID = '1234567812345678'

export function newSigner(kind: SignerKind, subject = `/CN=${kind} signer`): TestSigner {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-signer-'))
  try {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    openssl('genpkey', ...KEYS[kind], '-out', 'key.pem')
    const digest = kind === 'sm2' ? ['-sm3', '-sigopt', `distid:${SM2_ID}`] : ['-sha256']
    openssl('req', '-x509', '-new', '-key', 'key.pem', ...digest, '-out', 'cert.pem', '-days', '2', '-subj', subject)
    return {
      certificate: readFileSync(join(folder, 'cert.pem'), 'utf8'),
      privateKey: createPrivateKey(readFileSync(join(folder, 'key.pem'))),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export interface JwtOptions {
  alg: string
  /** ECDSA and SM2: DER instead of r and s side by side. */
  der?: boolean
  header?: Record<string, unknown>
}

/** A JWT in compact form. */
export function signedJwt({ privateKey }: TestSigner, payload: unknown, { alg, der = false, header }: JwtOptions): string {
  const input = [{ alg, typ: 'JWT', ...header }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${signatureOf(privateKey, Buffer.from(input), alg, der).toString('base64url')}`
}

function signatureOf(key: KeyObject, data: Buffer, alg: string, der: boolean): Buffer {
  if (alg.startsWith('SM')) {
    const signature = sm2Signature(key, data)
    return der ? signature : sideBySide(signature)
  }
  const hash = `sha${alg.slice(2)}`
  if (alg.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: der ? 'der' : 'ieee-p1363' })
  if (alg.startsWith('RS')) return sign(hash, data, { key, padding: constants.RSA_PKCS1_PADDING })
  return sign(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
}

/** By OpenSSL, with SM3; DER. */
function sm2Signature(key: KeyObject, data: Buffer): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-signer-'))
  try {
    writeFileSync(join(folder, 'key.pem'), key.export({ format: 'pem', type: 'pkcs8' }))
    writeFileSync(join(folder, 'data'), data)
    const args = ['pkeyutl', '-sign', '-rawin', '-digest', 'sm3', '-pkeyopt', `distid:${SM2_ID}`, '-inkey', 'key.pem', '-in', 'data']
    return execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** r and s, 32 bytes each, of SEQUENCE { r, s }. */
function sideBySide(der: Buffer): Buffer {
  const half = (at: number) => der.subarray(at + 2, at + 2 + der[at + 1]!)
  const [r, s] = [half(2), half(4 + der[3]!)]
  return Buffer.concat([r!, s!].map((bytes) => Buffer.concat([Buffer.alloc(32), bytes]).subarray(-32)))
}

/** The payload of a baseline. */
export function baselineOf(...sha256: string[]): { referenceValues: object[] } {
  return { referenceValues: sha256.map((value, i) => ({ fileName: `/usr/bin/file${i}`, sha256: value })) }
}
