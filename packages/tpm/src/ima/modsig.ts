import { verify } from 'node:crypto'
import { DerError, readDer, readElements, readOid, TAG } from '@vouchsafe/der'
import type { DerElement } from '@vouchsafe/der'
import { TpmError } from '../error.ts'
import { verifyDigestSignature } from './digest-signature.ts'
import type { ImaFileDigest } from './field.ts'
import type { FileSignatureVerdict } from './file-signature.ts'
import type { ImaSigningKey } from './signing-key.ts'

/** Object identifiers with the kernel's names. */
const HASH_OIDS: ReadonlyMap<string, string> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])
const SIGNED_DATA = '1.2.840.113549.1.7.2'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const MAX_SIGNERS = 8
const MAX_ELEMENTS = 64
const SIGNED_ATTRIBUTES = 0xa0
const KEY_IDENTIFIER = 0x80

/** One signer of a signature appended to a file. */
export interface ModsigSigner {
  /** Hex: the subject key identifier, or the serial number, of the signer's certificate. */
  signer: string
  /** The kernel's name; undefined when unknown. */
  hash: string | undefined
  /** The signed attributes as they were signed, if there are any, and the message digest in them. */
  attributes: { signed: Uint8Array; messageDigest: Uint8Array | undefined } | undefined
  signature: Uint8Array
}

/** Reads the signers of a PKCS#7 SignedData without content (RFC 5652, 5), in DER. Throws TpmError for anything else. */
export function parseModsig(bytes: Uint8Array): ModsigSigner[] {
  try {
    return readSigners(bytes)
  } catch (error) {
    throw error instanceof DerError ? new TpmError(`modsig: not PKCS#7 signed data: ${error.message}`, { field: 'modsig' }) : error
  }
}

function readSigners(bytes: Uint8Array): ModsigSigner[] {
  const [type, content] = children(readDer(bytes, TAG.sequence, 'modsig'))
  if (oid(type) !== SIGNED_DATA) throw new DerError('another type of content')
  const signedData = children(expected(children(expected(content, 0xa0))[0], TAG.sequence))
  return children(expected(signedData.at(-1), TAG.set), MAX_SIGNERS).map((signerInfo) => {
    const [, identifier, digestAlgorithm, ...rest] = children(expected(signerInfo, TAG.sequence))
    const signer = identifier?.tag === KEY_IDENTIFIER ? identifier : expected(children(expected(identifier, TAG.sequence))[1], TAG.integer)
    const attributes = rest[0]?.tag === SIGNED_ATTRIBUTES ? rest[0] : undefined
    return {
      signer: signer.value.toHex(),
      hash: HASH_OIDS.get(oid(children(expected(digestAlgorithm, TAG.sequence))[0])),
      attributes: attributes && signedAttributes(attributes),
      signature: expected(rest[attributes === undefined ? 1 : 2], TAG.octetString).value,
    }
  })
}

/**
 * Whether one of the keys made one of the signatures over the measured digest, directly or through the signed attributes. The keys are tried all, since the
 * signature names certificates, not keys.
 */
export function verifyModsig(
  signers: readonly ModsigSigner[],
  digest: ImaFileDigest | undefined,
  keys: readonly ImaSigningKey[],
): FileSignatureVerdict {
  const [first] = signers
  if (first === undefined) return { status: 'invalid', note: 'modsig: nobody signed' }
  if (digest === undefined) return { status: 'invalid', signer: first.signer, note: 'no digest of the file without its signature' }
  if (signers.every(({ hash }) => hash === undefined))
    return { status: 'unsupported', signer: first.signer, note: 'a signature with an unknown hash' }
  const valid = signers.find((signer) => keys.some((key) => isSignedBy(signer, digest, key)))
  if (valid !== undefined) return { status: 'valid', signer: valid.signer }
  return { status: 'unknown-key', signer: first.signer, note: 'none of the keys made this signature' }
}

function isSignedBy({ hash, attributes, signature }: ModsigSigner, digest: ImaFileDigest, { key }: ImaSigningKey): boolean {
  if (hash === undefined || hash !== digest.algorithm) return false
  if (attributes === undefined) return verifyDigestSignature(key, hash, digest.digest, signature)
  const { messageDigest, signed } = attributes
  if (messageDigest === undefined || !Buffer.from(messageDigest).equals(digest.digest)) return false
  return ['rsa', 'ec'].includes(key.asymmetricKeyType ?? '') && verify(hash, signed, key, signature)
}

/** They are signed as a SET, and stand as an implicitly tagged element (RFC 5652, 5.4). */
function signedAttributes(element: DerElement): ModsigSigner['attributes'] {
  const signed = Uint8Array.from(element.raw)
  signed[0] = TAG.set
  const attribute = children(element)
    .map((each) => children(expected(each, TAG.sequence)))
    .find(([type]) => oid(type) === MESSAGE_DIGEST)
  const messageDigest = attribute && expected(children(expected(attribute[1], TAG.set))[0], TAG.octetString).value
  return { signed, messageDigest }
}

function children({ value }: DerElement, max = MAX_ELEMENTS): DerElement[] {
  return readElements(value, 'modsig', max)
}

function expected(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError('another element expected')
  return element
}

function oid(element: DerElement | undefined): string {
  return readOid(expected(element, TAG.objectIdentifier).value, 'modsig')
}
