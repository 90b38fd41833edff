import type { KeyObject } from 'node:crypto'
import { X509Certificate, createPublicKey } from 'node:crypto'
import { TpmError } from '../error.ts'
import { hash } from '../hash.ts'
import { derChildren, derContent, derElement } from './der-reader.ts'

/** A key that signs files. */
export interface ImaSigningKey {
  key: KeyObject
  /** Last four bytes of the certificate's subject key identifier, and of the SHA-1 of the public key: either names it in a signature. Hex. */
  ids: string[]
}

const MAX_KEYS = 256
const MAX_PEM_BYTES = 1024 * 1024
const SUBJECT_KEY_IDENTIFIER = '551d0e'

/**
 * Reads the keys in a PEM file (certificates and public keys, any number up to 256) or a DER file (one of either). Certificates are taken as they are: who
 * issued them, and until when they hold, is for the caller. Throws TpmError when there is none, or one that can't be read.
 */
export function readImaSigningKeys(file: Uint8Array): ImaSigningKey[] {
  if (file.length > MAX_PEM_BYTES) throw new TpmError(`keys: a file of more than ${MAX_PEM_BYTES} bytes`, { field: 'keys' })
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  if (bytes[0] === 0x30) return [keyOf(bytes, isCertificate(bytes))]
  const blocks = [...bytes.toString('latin1').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)]
  if (blocks.length > MAX_KEYS) throw new TpmError(`keys: more than ${MAX_KEYS} in one file`, { field: 'keys' })
  const keys = blocks.map(([pem, label]) => keyOf(pem, label === 'CERTIFICATE'))
  if (keys.length === 0) throw new TpmError('keys: neither PEM nor DER of certificates or public keys', { field: 'keys' })
  return keys
}

/** A key without certificate. */
export function imaSigningKey(key: KeyObject): ImaSigningKey {
  return { key, ids: [publicKeyId(key)] }
}

function keyOf(data: string | Buffer, certificate: boolean): ImaSigningKey {
  try {
    if (!certificate) return imaSigningKey(createPublicKey(typeof data === 'string' ? data : { key: data, format: 'der', type: 'spki' }))
    const { publicKey, raw } = new X509Certificate(data)
    const identifier = subjectKeyIdentifier(raw)
    return { key: publicKey, ids: [...(identifier === undefined ? [] : [identifier]), publicKeyId(publicKey)] }
  } catch (error) {
    throw new TpmError(`keys: a ${certificate ? 'certificate' : 'public key'} that can't be read`, { field: 'keys', cause: error })
  }
}

/** A certificate begins with the SEQUENCE of what is signed, which begins with a version or serial number; SubjectPublicKeyInfo with an OID in one. */
function isCertificate(bytes: Uint8Array): boolean {
  const [inner] = derChildren(bytes, derElement(bytes, 0, bytes.length))
  return inner?.tag === 0x30 && derElement(bytes, inner.contentStart, inner.end).tag !== 0x06
}

/** As `evmctl` and the kernel name keys without such an identifier: by the bits of the public key. */
function publicKeyId(key: KeyObject): string {
  const spki = new Uint8Array(key.export({ type: 'spki', format: 'der' }))
  const bits = derChildren(spki, derElement(spki, 0, spki.length))[1]!
  return Buffer.from(hash('sha1', derContent(spki, bits).subarray(1)))
    .subarray(-4)
    .toString('hex')
}

/** RFC 5280, 4.2.1.2. */
function subjectKeyIdentifier(certificate: Uint8Array): string | undefined {
  const [signed] = derChildren(certificate, derElement(certificate, 0, certificate.length))
  const wrapped = derChildren(certificate, signed!).find(({ tag }) => tag === 0xa3)
  const extensions = wrapped === undefined ? [] : derChildren(certificate, derChildren(certificate, wrapped)[0]!)
  for (const extension of extensions) {
    const parts = derChildren(certificate, extension)
    if (Buffer.from(derContent(certificate, parts[0]!)).toString('hex') !== SUBJECT_KEY_IDENTIFIER) continue
    const value = derContent(certificate, parts.at(-1)!)
    return Buffer.from(derContent(value, derElement(value, 0, value.length)))
      .subarray(-4)
      .toString('hex')
  }
  return undefined
}
