// Signed JSON in the compact form (RFC 7515), with the algorithms of RFC 7518.
import { constants, createPrivateKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CommandError, UsageError } from '@vouchsafe/command'

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
const PSS = ['PS256', 'PS384', 'PS512']
/** The first is the default: RS256 is unknown to the original authority. */
const RSA = ['RS384', 'RS256', 'RS512', ...PSS]

/** A private key from PEM. Throws CommandError without quoting it. */
export function signingKey(path: string, pem: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pem), format: 'pem' })
  } catch {
    const isEncrypted = /ENCRYPTED/.test(Buffer.from(pem).toString('latin1'))
    throw new CommandError(`${path}: ${isEncrypted ? 'this private key is encrypted; decrypt it first' : 'this is not a PEM private key'}`)
  }
}

/** The algorithms that a key can sign with, the default first. Throws CommandError for keys without any. */
export function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (type === 'rsa') return RSA
  if (type === 'rsa-pss') return PSS
  const curve = type === 'ec' ? CURVES[asymmetricKeyDetails?.namedCurve ?? ''] : undefined
  if (curve === undefined) throw new CommandError('the key must be RSA, or EC on P-256, P-384 or P-521')
  return [curve]
}

/** Signs a payload. Throws UsageError when the key can't sign with that algorithm. */
export function signJws(payload: object, key: KeyObject, algorithm?: string): string {
  const known = algorithmsOf(key)
  const alg = algorithm ?? known[0]!
  if (!known.includes(alg)) throw new UsageError(`--alg must be one of ${known.join(', ')} for this key`)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg, typ: 'JWT' })}.${part(payload)}`
  const scheme = alg.startsWith('PS')
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key, dsaEncoding: 'ieee-p1363' as const }
  return `${signed}.${sign(`sha${alg.slice(2)}`, Buffer.from(signed), scheme).toString('base64url')}`
}
