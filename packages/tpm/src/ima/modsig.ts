import { verify } from 'node:crypto'
import { TpmError } from '../error.ts'
import type { DerElement } from './der-reader.ts'
import { derChildren, derContent, derElement } from './der-reader.ts'
import { verifyDigestSignature } from './digest-signature.ts'
import type { ImaFileDigest } from './field.ts'
import type { FileSignatureVerdict } from './file-signature.ts'
import type { ImaSigningKey } from './signing-key.ts'

/** Object identifiers, hex, with the kernel's names. */
const HASH_OIDS: ReadonlyMap<string, string> = new Map([
  ['2b0e03021a', 'sha1'],
  ['608648016503040204', 'sha224'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
])
const SIGNED_DATA = '2a864886f70d010702'
const MESSAGE_DIGEST = '2a864886f70d010904'
const MAX_SIGNERS = 8

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

/** Reads the signers of a PKCS#7 SignedData without content (RFC 5652, 5). Throws TpmError for anything else. */
export function parseModsig(bytes: Uint8Array): ModsigSigner[] {
  const contentInfo = derChildren(bytes, expected(derElement(bytes, 0, bytes.length), 0x30))
  if (oid(bytes, contentInfo[0]) !== SIGNED_DATA) throw new TpmError('modsig: not PKCS#7 signed data', { field: 'modsig' })
  const signedData = derChildren(bytes, expected(derChildren(bytes, expected(contentInfo[1], 0xa0))[0], 0x30))
  return derChildren(bytes, expected(signedData.at(-1), 0x31), MAX_SIGNERS).map((signerInfo) => {
    const parts = derChildren(bytes, expected(signerInfo, 0x30))
    const identifier = expected(parts[1], parts[1]?.tag === 0x80 ? 0x80 : 0x30)
    const signer = identifier.tag === 0x80 ? identifier : expected(derChildren(bytes, identifier)[1], 0x02)
    const attributes = parts[3]?.tag === 0xa0 ? parts[3] : undefined
    return {
      signer: hex(derContent(bytes, signer)),
      hash: HASH_OIDS.get(oid(bytes, derChildren(bytes, expected(parts[2], 0x30))[0])),
      attributes: attributes && signedAttributes(bytes, attributes),
      signature: derContent(bytes, expected(parts[attributes === undefined ? 4 : 5], 0x04)),
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
function signedAttributes(bytes: Uint8Array, element: DerElement): ModsigSigner['attributes'] {
  const signed = bytes.slice(element.start, element.end)
  signed[0] = 0x31
  const attribute = derChildren(bytes, element).find((each) => oid(bytes, derChildren(bytes, each)[0]) === MESSAGE_DIGEST)
  const values = attribute && derChildren(bytes, expected(derChildren(bytes, attribute)[1], 0x31))
  return { signed, messageDigest: values && derContent(bytes, expected(values[0], 0x04)) }
}

function expected(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new TpmError('modsig: not PKCS#7 signed data', { field: 'modsig', offset: element?.start })
  return element
}

function oid(bytes: Uint8Array, element: DerElement | undefined): string {
  return element?.tag === 0x06 ? hex(derContent(bytes, element)) : ''
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
