import { createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { publicKeyOf, X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'

/** SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')

/** The key with the point x ‖ y; undefined where that is not on the curve. */
export function p256Key(point: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

/** ECDSA with SHA-256; the signature is r ‖ s. */
export function verifyP256(data: Buffer, key: KeyObject, signature: Buffer): boolean {
  return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

export function isP256({ publicKey }: Certificate): boolean {
  return publicKey.kind === 'ec' && publicKey.curve === 'prime256v1'
}

/** The certificate's key; undefined where it is of another kind, or no point on the curve. */
export function p256KeyOf(certificate: Certificate): KeyObject | undefined {
  if (!isP256(certificate)) return undefined
  try {
    return publicKeyOf(certificate)
  } catch (error) {
    if (error instanceof X509Error) return undefined
    throw error
  }
}

/** `verifyP256` with a certificate's key. */
export function signedBy(certificate: Certificate, data: Buffer, signature: Buffer): boolean {
  const key = p256KeyOf(certificate)
  return key !== undefined && verifyP256(data, key, signature)
}
