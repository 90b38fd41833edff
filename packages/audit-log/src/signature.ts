/** Signatures of notes and cosignatures of checkpoints (C2SP signed-note, tlog-cosignature), made and checked. */
import { concatBytes, encodeUtf8, equalBytes, requireCount } from './bytes.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { LogFormatError, SignatureError } from './errors.ts'
import type { Note, NoteSignature } from './note.ts'
import { SIGNATURE_TYPES, type SignatureAlgorithm, type VerifierKey } from './verifier-key.ts'

/** Whether a signature is right, handed in. Ed25519 is RFC 8032's, ML-DSA-44 FIPS 204's with an empty context; keys and signatures are raw. */
export type SignatureCheck = (
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>

/** Someone who signs: the public half, and how. */
export interface NoteSigner {
  key: VerifierKey
  /** The raw signature over the message, by the key's algorithm. */
  sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A known key's signature on a note. */
export interface CheckedSignature {
  key: VerifierKey
  valid: boolean
  /** Seconds since 1970 at which a cosignature says that it was made. */
  timestamp?: number
}

const TIMESTAMP_BYTES = 8
/** `subtree/v1`, a newline, a zero. */
const SUBTREE_LABEL = encodeUtf8('subtree/v1\n\0')

/**
 * Signs a text as a note. A cosigning key also needs `timestamp`, in seconds since 1970, and a checkpoint's text.
 * @throws {LogFormatError} for a text that the key cannot sign
 * @throws {RangeError} for a cosignature without a time
 *
 * @example
 * const signature = await signNote(formatCheckpoint({ origin: 'example.com/log', size, root }), logSigner)
 * signature.name // → 'example.com/log'
 */
export async function signNote(text: string, { key, sign }: NoteSigner, timestamp?: number): Promise<NoteSignature> {
  if (key.type === 'note') return { name: key.name, keyId: key.id, signature: await sign(encodeUtf8(text)) }
  if (timestamp === undefined) throw new RangeError('a cosignature has a time')
  requireCount(timestamp, 'the time')
  const time = new Uint8Array(TIMESTAMP_BYTES)
  new DataView(time.buffer).setBigUint64(0, BigInt(timestamp))
  return { name: key.name, keyId: key.id, signature: concatBytes(time, await sign(signedMessage(key, text, timestamp))) }
}

/**
 * What is to be said of the signatures whose name and id are those of a known key; all others are ignored, as the format demands.
 *
 * @example
 * const [first] = await checkSignatures(parseNote(checkpoint), [logSigner.key], verifySignature)
 * first.valid // → true
 */
export async function checkSignatures(note: Note, keys: readonly VerifierKey[], check: SignatureCheck): Promise<CheckedSignature[]> {
  const known = note.signatures.flatMap((signature) =>
    keys
      .filter((key) => key.name === signature.name && equalBytes(key.id, signature.keyId))
      .map((key) => checkSignature(note.text, key, signature.signature, check)),
  )
  return Promise.all(known)
}

/**
 * Verifies a note: at least one known key signed it, and no signature of a known key is wrong. Returns those signatures.
 * @throws {SignatureError}
 *
 * @example
 * (await verifyNote(parseNote(checkpoint), [logSigner.key], verifySignature)).length // → 1
 */
export async function verifyNote(note: Note, keys: readonly VerifierKey[], check: SignatureCheck): Promise<CheckedSignature[]> {
  const signatures = await checkSignatures(note, keys, check)
  const wrong = signatures.find(({ valid }) => !valid)
  if (wrong !== undefined) throw new SignatureError(`the signature of ${wrong.key.name} is wrong`)
  if (signatures.length === 0) throw new SignatureError('no known key has signed it')
  return signatures
}

async function checkSignature(text: string, key: VerifierKey, bytes: Uint8Array, check: SignatureCheck): Promise<CheckedSignature> {
  const { algorithm, signatureBytes } = SIGNATURE_TYPES[key.type]
  const isCosignature = key.type !== 'note'
  if (bytes.length !== signatureBytes + (isCosignature ? TIMESTAMP_BYTES : 0)) return { key, valid: false }
  if (!isCosignature) return { key, valid: await check(algorithm, key.publicKey, encodeUtf8(text), bytes) }
  const timestamp = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))
  if (!Number.isSafeInteger(timestamp)) return { key, valid: false }
  let message: Uint8Array
  try {
    message = signedMessage(key, text, timestamp)
  } catch (error) {
    // The text is none that a cosigner signs.
    if (error instanceof LogFormatError) return { key, valid: false }
    throw error
  }
  return { key, valid: await check(algorithm, key.publicKey, message, bytes.subarray(TIMESTAMP_BYTES)), timestamp }
}

/** What a cosigner signs of a checkpoint. */
function signedMessage(key: VerifierKey, text: string, timestamp: number): Uint8Array {
  const { origin, size, root } = parseCheckpoint(text)
  if (key.type === 'cosignature-ed25519') return encodeUtf8(`cosignature/v1\ntime ${timestamp}\n${text}`)
  const numbers = new DataView(new ArrayBuffer(3 * 8))
  numbers.setBigUint64(0, BigInt(timestamp))
  // From leaf 0, as a checkpoint has it.
  numbers.setBigUint64(16, BigInt(size))
  const [time, range] = [new Uint8Array(numbers.buffer, 0, 8), new Uint8Array(numbers.buffer, 8)]
  return concatBytes(SUBTREE_LABEL, opaque(key.name), time, opaque(origin), range, root)
}

/** A vector of TLS's notation, 1 to 255 bytes after their number. */
function opaque(text: string): Uint8Array {
  const bytes = encodeUtf8(text)
  if (bytes.length < 1 || bytes.length > 255) throw new LogFormatError('cosignature', 'a name has more than 255 bytes')
  return concatBytes(new Uint8Array([bytes.length]), bytes)
}
