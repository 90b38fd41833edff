/** C2SP tlog-checkpoint: the signed note that says how many leaves a log has, and their root. */
import { decodeDecimal, decodeHash, encodeBase64, readText, requireCount } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { HASH_BYTES } from './tree.ts'

/** What a checkpoint says. */
export interface Checkpoint {
  /** Who the log is, such as `vouchsafe/<store id>/<epoch>`. */
  origin: string
  /** Leaves in the tree. */
  size: number
  root: Uint8Array
  /** Further lines, which nobody checks; better none. */
  extensions?: readonly string[]
}

const MAX_CHECKPOINT_BYTES = 64 * 1024

/**
 * The text of a checkpoint, to be signed.
 * @throws {LogFormatError} for an origin or extension that is empty or not one line
 * @throws {RangeError} for what is no size, or no hash
 *
 * @example
 * formatCheckpoint({ origin: 'example.com/log', size: 0, root: treeRoot(sha256, []) }) // → 'example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n'
 */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  requireCount(size, 'the size')
  if (root.length !== HASH_BYTES) throw new RangeError(`a root of ${root.length} bytes`)
  for (const line of [origin, ...extensions]) if (!isLine(line)) throw new LogFormatError('checkpoint', 'a line is empty, or more than one')
  return [origin, size, encodeBase64(root), ...extensions, ''].join('\n')
}

/**
 * Reads the text of a checkpoint: a note's, without its signatures.
 * @throws {LogFormatError}
 *
 * @example
 * parseCheckpoint(parseNote(checkpoint).text).size // → size
 */
export function parseCheckpoint(text: Uint8Array | string): Checkpoint {
  const lines = readText(text, MAX_CHECKPOINT_BYTES, 'checkpoint').split('\n')
  if (lines.pop() !== '' || lines.length < 3) throw new LogFormatError('checkpoint', 'has not three lines')
  if (!lines.every(isLine)) throw new LogFormatError('checkpoint', 'has an empty line, or control characters')
  const [origin, size, root, ...extensions] = lines as [string, string, string, ...string[]]
  const checkpoint = { origin, size: decodeDecimal(size, 'checkpoint size'), root: decodeHash(root, 'checkpoint root') }
  return extensions.length === 0 ? checkpoint : { ...checkpoint, extensions }
}

function isLine(text: string): boolean {
  return /^[^\u0000-\u001f]+$/.test(text) && text.isWellFormed()
}
