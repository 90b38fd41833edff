/** C2SP tlog-witness: what a log asks a witness, and what it is told. */
import { decodeDecimal, decodeHash, encodeBase64, readText, requireCount } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { parseSignatureLines, type NoteSignature } from './note.ts'
import { MAX_PROOF_HASHES } from './proof.ts'

/** The body of `add-checkpoint`. */
export interface AddCheckpoint {
  /** Size of the last checkpoint that the witness signed, as far as the log knows; 0 to learn it. */
  oldSize: number
  /** Consistency proof from there to the checkpoint: empty from 0. */
  proof: readonly Uint8Array[]
  /** The signed checkpoint, a note. */
  checkpoint: string
}

/** A witness's answer: its signatures (not yet verified), the size that it last signed, or a refusal. */
export type WitnessAnswer =
  { outcome: 'cosigned'; signatures: NoteSignature[] } | { outcome: 'conflict'; size: number } | { outcome: 'refused'; status: number }

const MAX_REQUEST_BYTES = 2 * 1024 * 1024
const MAX_ANSWER_BYTES = 1024 * 1024

/**
 * The body of `POST <witness>/add-checkpoint`.
 * @throws {RangeError} for what is no size, and for more than 63 hashes
 *
 * @example
 * formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }) // → `old 0\n\n${checkpoint}`
 */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  requireCount(oldSize, 'the old size')
  if (proof.length > MAX_PROOF_HASHES) throw new RangeError(`a proof of ${proof.length} hashes`)
  return [`old ${oldSize}`, ...proof.map(encodeBase64), '', checkpoint].join('\n')
}

/**
 * Reads such a body, as a witness does.
 * @throws {LogFormatError}
 *
 * @example
 * parseAddCheckpoint(`old 0\n\n${checkpoint}`) // → { oldSize: 0, proof: [], checkpoint }
 */
export function parseAddCheckpoint(body: Uint8Array | string): AddCheckpoint {
  const text = readText(body, MAX_REQUEST_BYTES, 'request')
  const end = text.indexOf('\n\n')
  const [old = '', ...hashes] = end === -1 ? [] : text.slice(0, end).split('\n')
  if (!old.startsWith('old ')) throw new LogFormatError('request', 'has no old size, or no checkpoint')
  if (hashes.length > MAX_PROOF_HASHES) throw new LogFormatError('request', `has more than ${MAX_PROOF_HASHES} hashes`)
  return {
    oldSize: decodeDecimal(old.slice('old '.length), 'old size'),
    proof: hashes.map((line) => decodeHash(line, 'proof')),
    checkpoint: text.slice(end + 2),
  }
}

/**
 * Reads a witness's answer. Verify the signatures with {@link verifyNote} before they are added to the checkpoint. A conflict with the size that was sent
 * means that the witness knows another root of that size.
 * @throws {LogFormatError} for a success that is not one
 *
 * @example
 * parseWitnessAnswer(409, '12\n') // → { outcome: 'conflict', size: 12 }
 */
export function parseWitnessAnswer(status: number, body: Uint8Array | string): WitnessAnswer {
  if (status === 200) return { outcome: 'cosigned', signatures: parseSignatureLines(readText(body, MAX_ANSWER_BYTES, 'answer')) }
  if (status !== 409) return { outcome: 'refused', status }
  try {
    const text = readText(body, 32, 'answer')
    if (text.endsWith('\n')) return { outcome: 'conflict', size: decodeDecimal(text.slice(0, -1), 'size') }
  } catch (error) {
    if (!(error instanceof LogFormatError)) throw error
  }
  return { outcome: 'refused', status }
}
