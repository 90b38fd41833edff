import { TpmError } from '../error.ts'
import { hash } from '../hash.ts'
import { isSignatureHash, verifyDigestSignature } from './digest-signature.ts'
import type { ImaEntry } from './entry.ts'
import { namedDigest } from './field.ts'
import { parseModsig, verifyModsig } from './modsig.ts'
import type { ImaSigningKey } from './signing-key.ts'

/** The kernel's enum hash_algo (include/uapi/linux/hash_info.h). */
const HASHES =
  'md4 md5 sha1 rmd160 sha256 sha384 sha512 sha224 rmd128 rmd256 rmd320 wp256 wp384 wp512 tgr128 tgr160 tgr192 sm3 streebog256 streebog512 sha3-256 sha3-384 sha3-512'.split(
    ' ',
  )

const TYPES: ReadonlyMap<number, ImaSignature['type']> = new Map([
  [3, 'file'],
  [5, 'evm-portable'],
  [6, 'verity'],
])
/** Where the template ima-modsig has `d-modsig`. */
const MODSIG_DIGEST = 3
/** Type, version, hash, key id, size of the signature. */
const HEADER_SIZE = 9

/** A signature as in the extended attributes `security.ima` and `security.evm`. */
export interface ImaSignature {
  /** Of the file, of its fs-verity digest, or of its metadata. */
  type: 'file' | 'verity' | 'evm-portable'
  version: 2 | 3
  /** The kernel's name. */
  hash: string
  /** Hex, four bytes. */
  keyId: string
  signature: Uint8Array
}

/**
 * Source: Linux, security/integrity/integrity.h, struct signature_v2_hdr. Throws TpmError for anything else.
 *
 * @example
 * parseImaSignature(Buffer.from('030204deadbeef0002abcd', 'hex')).keyId // → 'deadbeef'
 */
export function parseImaSignature(bytes: Uint8Array): ImaSignature {
  const wrong = (problem: string): TpmError => new TpmError(`file signature: ${problem}`, { field: 'sig' })
  if (bytes.length < HEADER_SIZE) throw wrong(`${bytes.length} bytes are too few`)
  const type = TYPES.get(bytes[0]!)
  const version = bytes[1]!
  const hashName = HASHES[bytes[2]!]
  if (type === undefined) throw wrong(`unknown type ${bytes[0]}`)
  if (version !== 2 && version !== 3) throw wrong(`unknown version ${version}`)
  if (hashName === undefined) throw wrong(`unknown hash ${bytes[2]}`)
  if (type === 'verity' && version !== 3) throw wrong('a verity signature is of version 3')
  const size = bytes[7]! * 256 + bytes[8]!
  if (size !== bytes.length - HEADER_SIZE) throw wrong(`${size} bytes announced, ${bytes.length - HEADER_SIZE} there`)
  const keyId = bytes.subarray(3, 7).toHex()
  return { type, version, hash: hashName, keyId, signature: bytes.subarray(HEADER_SIZE) }
}

export interface FileSignatureVerdict {
  /**
   * `valid`: one of the keys signed the measured digest. `invalid`: a key with that id did not, or the signature is not one. `unknown-key`: no key has that id.
   * `unsupported`: the note says what. `none`: the entry has no signature.
   */
  status: 'valid' | 'invalid' | 'unknown-key' | 'unsupported' | 'none'
  /** The field that holds it: `sig`, or `modsig` for a signature appended to the file. */
  field?: 'sig' | 'modsig'
  /** Hex: the key id in `sig`; the key identifier or serial number of the signer's certificate in `modsig`. */
  signer?: string
  note?: string
}

/**
 * Verifies the signature of the measured file against the given keys: that of `sig`, else that of `modsig`. It covers the digest in the entry (of the file
 * without its appended signature for `modsig`), not its path. Whether the entry is authentic is another question: see `ImaReplay.covers`.
 *
 * RSA PKCS#1 v1.5, and ECDSA on P-256, P-384 and P-521; SHA-1, SHA-224, SHA-256, SHA-384, SHA-512. EVM portable signatures cover metadata that most entries
 * don't have, and are not verified. Source: Linux, security/integrity/digsig_asymmetric.c and ima_appraise.c (version 3: struct ima_file_id).
 *
 * @example
 * verifyFileSignature(entries[1], [imaSigningKey(publicKey)]).status // → 'none'
 */
export function verifyFileSignature(entry: ImaEntry, keys: readonly ImaSigningKey[]): FileSignatureVerdict {
  const list = entry.fields ?? []
  const fields = new Map(list.map(({ id, bytes }) => [id, bytes]))
  const [sig, modsig] = [fields.get('sig'), fields.get('modsig')]
  try {
    if (sig !== undefined && sig.length > 0) return { field: 'sig', ...verifySig(entry, parseImaSignature(sig), keys) }
    if (modsig === undefined || modsig.length === 0) return { status: 'none' }
    const signed = list[MODSIG_DIGEST]
    // Elsewhere it could be a field that anyone can write and that the log labels so.
    if (signed?.id !== 'd-modsig') return { status: 'unsupported', field: 'modsig', note: 'd-modsig is not the fourth field' }
    return { field: 'modsig', ...verifyModsig(parseModsig(modsig), namedDigest(signed.bytes), keys) }
  } catch (error) {
    if (error instanceof TpmError) return { status: 'invalid', field: sig?.length ? 'sig' : 'modsig', note: error.message }
    throw error
  }
}

function verifySig(entry: ImaEntry, signature: ImaSignature, keys: readonly ImaSigningKey[]): FileSignatureVerdict {
  const { type, version, hash: name, keyId: signer } = signature
  const digest = entry.fileDigest
  if (type === 'evm-portable') return { status: 'unsupported', signer, note: 'an EVM portable signature, which covers metadata' }
  if (!isSignatureHash(name)) return { status: 'unsupported', signer, note: `a signature with ${name}` }
  if (digest === undefined || digest.algorithm !== name) {
    return { status: 'unsupported', signer, note: `a signature with ${name} of a file measured with ${digest?.algorithm ?? 'nothing'}` }
  }
  if ((type === 'verity') !== (digest.type === 'verity') && digest.type !== undefined)
    return { status: 'invalid', signer, note: `a ${type} signature of a measured ${digest.type} digest` }
  const named = keys.filter(({ ids }) => ids.includes(signer))
  if (named.length === 0) return { status: 'unknown-key', signer }
  const signed = version === 2 ? digest.digest : signedFileId(signature, digest.digest)
  const valid = signed !== undefined && named.some(({ key }) => verifyDigestSignature(key, name, signed, signature.signature))
  return { status: valid ? 'valid' : 'invalid', signer }
}

/** Version 3 signs the digest of type ‖ hash ‖ digest. */
function signedFileId({ type, hash: name }: ImaSignature, digest: Uint8Array): Uint8Array | undefined {
  const id = Uint8Array.of(type === 'verity' ? 6 : 3, HASHES.indexOf(name), ...digest)
  return name === 'sha1' || name === 'sha256' || name === 'sha384' || name === 'sha512' ? hash(name, id) : undefined
}
