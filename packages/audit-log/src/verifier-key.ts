import { concatBytes, decodeBase64, encodeBase64, encodeUtf8, equalBytes } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { isKeyName } from './note.ts'
import type { Hash } from './tree.ts'

/**
 * What a key signs: `note` the text itself (C2SP signed-note, Ed25519), the others a time and the checkpoint (C2SP tlog-cosignature).
 */
export type SignatureType = 'note' | 'cosignature-ed25519' | 'cosignature-ml-dsa-44'

export type SignatureAlgorithm = 'ed25519' | 'ml-dsa-44'

/** A public key with its name, and what it signs. */
export interface VerifierKey {
  /** Without white space and plus: a log's origin, a witness's address without a scheme. */
  name: string
  type: SignatureType
  /** Raw: 32 bytes of Ed25519, 1,312 bytes of ML-DSA-44. */
  publicKey: Uint8Array
  /** The first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
  id: Uint8Array
}

/** What each type is in the formats. */
export const SIGNATURE_TYPES: Readonly<
  Record<SignatureType, { byte: number; algorithm: SignatureAlgorithm; keyBytes: number; signatureBytes: number }>
> = {
  note: { byte: 0x01, algorithm: 'ed25519', keyBytes: 32, signatureBytes: 64 },
  'cosignature-ed25519': { byte: 0x04, algorithm: 'ed25519', keyBytes: 32, signatureBytes: 64 },
  'cosignature-ml-dsa-44': { byte: 0x06, algorithm: 'ml-dsa-44', keyBytes: 1312, signatureBytes: 2420 },
}

/** An ML-DSA-44 key in base64, with room for its name. */
const MAX_LENGTH = 4096

/**
 * A verifier key of its parts.
 * @throws {LogFormatError} for a name that no key can have, and a public key of another length
 *
 * @example
 * const key = verifierKey(sha256, 'example.com/log', 'note', publicKey)
 * key.id.length // → 4
 */
export function verifierKey(hash: Hash, name: string, type: SignatureType, publicKey: Uint8Array): VerifierKey {
  const { byte, keyBytes } = SIGNATURE_TYPES[type]
  if (!isKeyName(name)) throw new LogFormatError('verifier key', 'a key has no such name')
  if (publicKey.length !== keyBytes) throw new LogFormatError('verifier key', `has ${publicKey.length} bytes, not ${keyBytes}`)
  const id = hash(concatBytes(encodeUtf8(`${name}\n`), new Uint8Array([byte]), publicKey)).slice(0, 4)
  return { name, type, publicKey, id }
}

/**
 * The text form of a verifier key: name, id and base64 of type and key, joined by plus signs.
 *
 * @example
 * formatVerifierKey(parseVerifierKey(sha256, logVerifierKey)) // → logVerifierKey
 */
export function formatVerifierKey({ name, type, publicKey, id }: VerifierKey): string {
  return `${name}+${id.toHex()}+${encodeBase64(concatBytes(new Uint8Array([SIGNATURE_TYPES[type].byte]), publicKey))}`
}

/**
 * Reads a verifier key. Its id must be the one that follows from it.
 * @throws {LogFormatError}
 *
 * @example
 * parseVerifierKey(sha256, logVerifierKey).type // → 'note'
 * parseVerifierKey(sha256, 'example.com/log+00000000+AQ==') // throws LogFormatError
 */
export function parseVerifierKey(hash: Hash, text: string): VerifierKey {
  const [, name = '', id = '', base64 = ''] = text.length > MAX_LENGTH ? [] : (/^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [])
  if (name === '') throw new LogFormatError('verifier key', 'is not a name, an id and a key')
  const bytes = decodeBase64(base64, 'verifier key')
  const type = (Object.keys(SIGNATURE_TYPES) as SignatureType[]).find((one) => SIGNATURE_TYPES[one].byte === bytes[0])
  if (type === undefined) throw new LogFormatError('verifier key', 'is of an unknown type')
  const key = verifierKey(hash, name, type, bytes.slice(1))
  if (!equalBytes(key.id, Uint8Array.fromHex(id))) throw new LogFormatError('verifier key', 'has another id')
  return key
}

export function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.type === b.type && a.name === b.name && equalBytes(a.publicKey, b.publicKey)
}
