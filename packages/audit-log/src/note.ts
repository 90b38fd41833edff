/** C2SP signed notes: a text, and the lines of those who signed it. */
import { concatBytes, decodeBase64, encodeBase64, equalBytes, readText } from './bytes.ts'
import { LogFormatError } from './errors.ts'

/** One signature line. */
export interface NoteSignature {
  /** Name of the key. */
  name: string
  /** Four bytes that tell keys of one name apart. */
  keyId: Uint8Array
  signature: Uint8Array
}

/** A note as read; nothing in it is proven. */
export interface Note {
  /** What is signed: ends in a newline. */
  text: string
  signatures: readonly NoteSignature[]
}

const MAX_NOTE_BYTES = 1024 * 1024
const MAX_SIGNATURES = 64
const MAX_SIGNATURE_BYTES = 16 * 1024
const KEY_ID_BYTES = 4
const LINE = /^— ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/

/**
 * Reads a signed note; verifies nothing.
 * @throws {LogFormatError} for more than 1 MiB, more than 64 signatures, and whatever is no note
 *
 * @example
 * parseNote(checkpoint).signatures[0].name // → 'example.com/log'
 */
export function parseNote(note: Uint8Array | string): Note {
  const content = readText(note, MAX_NOTE_BYTES, 'note')
  if (CONTROL.test(content)) throw new LogFormatError('note', 'has control characters')
  const end = content.lastIndexOf('\n\n')
  if (end === -1) throw new LogFormatError('note', 'has no signatures')
  return { text: content.slice(0, end + 1), signatures: parseSignatureLines(content.slice(end + 2)) }
}

/**
 * The text form of a note.
 * @throws {LogFormatError} for a text without a final newline, or one that the format cannot carry
 *
 * @example
 * formatNote(parseNote(checkpoint)) // → checkpoint
 */
export function formatNote({ text, signatures }: Note): string {
  if (!text.endsWith('\n') || CONTROL.test(text) || !text.isWellFormed()) throw new LogFormatError('note', 'the text is not one of lines')
  return `${text}\n${formatSignatureLines(signatures)}`
}

/**
 * Signature lines, as a witness returns them.
 * @throws {LogFormatError}
 *
 * @example
 * parseSignatureLines('no line\n') // throws LogFormatError
 */
export function parseSignatureLines(lines: string): NoteSignature[] {
  if (!lines.endsWith('\n')) throw new LogFormatError('note', 'does not end in a newline')
  const all = lines.slice(0, -1).split('\n', MAX_SIGNATURES + 1)
  if (all.length > MAX_SIGNATURES) throw new LogFormatError('note', `has more than ${MAX_SIGNATURES} signatures`)
  return all.map((line) => {
    const [, name = '', base64 = ''] = LINE.exec(line) ?? []
    if (!isKeyName(name)) throw new LogFormatError('note', 'a signature line is malformed')
    const bytes = decodeBase64(base64, 'signature')
    const length = bytes.length - KEY_ID_BYTES
    if (length < 1 || length > MAX_SIGNATURE_BYTES) throw new LogFormatError('signature', `has ${length} bytes`)
    return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
  })
}

/**
 * The text form of signature lines.
 * @throws {LogFormatError} for a name that no key can have
 *
 * @example
 * formatSignatureLines([{ name: 'w', keyId: new Uint8Array(4), signature: new Uint8Array(2) }]) // → '— w AAAAAAAA\n'
 */
export function formatSignatureLines(signatures: readonly NoteSignature[]): string {
  return signatures
    .map(({ name, keyId, signature }) => {
      if (!isKeyName(name)) throw new LogFormatError('note', 'a key has no such name')
      return `— ${name} ${encodeBase64(concatBytes(keyId, signature))}\n`
    })
    .join('')
}

/**
 * The note with further signatures, such as witnesses'; one that has the name and id of another replaces it.
 *
 * @example
 * addSignatures(parseNote(checkpoint), parseNote(checkpoint).signatures).signatures.length // → 1
 */
export function addSignatures(note: Note, signatures: readonly NoteSignature[]): Note {
  const kept = note.signatures.filter((one) => !signatures.some((other) => isOfOneKey(one, other)))
  return { text: note.text, signatures: [...kept, ...signatures] }
}

/** Whether a key may have the name: no white space, no plus, nothing that ends a line. */
export function isKeyName(name: string): boolean {
  // U+0085 is white space to Unicode, not to ECMAScript.
  return /^[^\s+\u0000-\u001f\u007f\u0085]+$/u.test(name) && name.isWellFormed()
}

function isOfOneKey(a: NoteSignature, b: NoteSignature): boolean {
  return a.name === b.name && equalBytes(a.keyId, b.keyId)
}
