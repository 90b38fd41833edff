import type { KeyObject } from 'node:crypto'
import { X509Certificate, createPublicKey } from 'node:crypto'
import { DerError, DerReader, readDer, readElements, readOctetAlignedBits, readOid, TAG } from '@vouchsafe/der'
import { TpmError } from '../error.ts'
import { hash } from '../hash.ts'
import { toKeyObject } from '../public-key.ts'

/** A key that signs files. */
export interface ImaSigningKey {
  key: KeyObject
  /** Last four bytes of the certificate's subject key identifier, and of the SHA-1 of the public key: either names it in a signature. Hex. */
  ids: string[]
}

const MAX_KEYS = 256
const MAX_PEM_BYTES = 1024 * 1024
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'

/**
 * Reads the keys in a PEM file (certificates and public keys, any number up to 256) or a DER file (one of either). Certificates are taken as they are: who
 * issued them, and until when they hold, is for the caller. Throws TpmError when there is none, or one that can't be read.
 *
 * @example
 * readImaSigningKeys(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }))).length // → 1
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

/**
 * A key without certificate.
 *
 * @example
 * imaSigningKey(publicKey).ids[0].length // → 8
 */
export function imaSigningKey(key: KeyObject): ImaSigningKey {
  return { key, ids: [publicKeyId(key)] }
}

function keyOf(data: string | Buffer, certificate: boolean): ImaSigningKey {
  try {
    if (!certificate)
      return imaSigningKey(toKeyObject(createPublicKey(typeof data === 'string' ? data : { key: data, format: 'der', type: 'spki' })))
    const { publicKey: certified, raw } = new X509Certificate(data)
    const publicKey = toKeyObject(certified)
    const identifier = subjectKeyIdentifier(raw)
    return { key: publicKey, ids: [...(identifier === undefined ? [] : [identifier]), publicKeyId(publicKey)] }
  } catch (error) {
    throw new TpmError(`keys: a ${certificate ? 'certificate' : 'public key'} that can't be read`, { field: 'keys', cause: error })
  }
}

/** A certificate begins with the SEQUENCE of what is signed, which begins with a version or serial number; SubjectPublicKeyInfo with an OID in one. */
function isCertificate(bytes: Uint8Array): boolean {
  try {
    return enter(bytes).enter().read().tag !== TAG.objectIdentifier
  } catch (error) {
    throw error instanceof DerError ? new TpmError(`keys: ${error.message}`, { field: 'keys' }) : error
  }
}

/** As `evmctl` and the kernel name keys without such an identifier: by the bits of the public key. */
function publicKeyId(key: KeyObject): string {
  const spki = enter(key.export({ type: 'spki', format: 'der' }))
  spki.read(TAG.sequence)
  return hash('sha1', readOctetAlignedBits(spki.read(TAG.bitString).value, 'public key'))
    .subarray(-4)
    .toHex()
}

/** RFC 5280, 4.2.1.2. */
function subjectKeyIdentifier(certificate: Uint8Array): string | undefined {
  const wrapped = readElements(enter(certificate).read(TAG.sequence).value, 'certificate').find(({ tag }) => tag === 0xa3)
  const extensions = wrapped === undefined ? [] : readElements(readDer(wrapped.value, TAG.sequence, 'extensions').value, 'extensions')
  for (const { value } of extensions) {
    const [type, ...rest] = readElements(value, 'extension')
    if (type?.tag !== TAG.objectIdentifier || readOid(type.value, 'extension') !== SUBJECT_KEY_IDENTIFIER) continue
    return readDer(rest.at(-1)?.value ?? Buffer.alloc(0), TAG.octetString, 'subjectKeyIdentifier')
      .value.subarray(-4)
      .toHex()
  }
  return undefined
}

/** The contents of the SEQUENCE that a certificate or key is; throws DerError. */
function enter(der: Uint8Array): DerReader {
  return new DerReader(readDer(der, TAG.sequence, 'DER').value, 'DER')
}
