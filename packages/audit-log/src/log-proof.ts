/** C2SP tlog-proof: a file that proves, offline, that an entry is in a log. */
import { decodeBase64, decodeDecimal, decodeHash, encodeBase64, readText, requireCount } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { parseNote } from './note.ts'
import { verifyCheckpoint, type Policy, type TrustedCheckpoint } from './policy.ts'
import { MAX_PROOF_HASHES, verifyInclusion } from './proof.ts'
import type { SignatureCheck } from './signature.ts'
import type { Hash } from './tree.ts'

/** What a proof file says; nothing in it is proven before {@link verifyLogProof}. */
export interface LogProof {
  /** Index of the entry. */
  index: number
  /** Its inclusion proof, leaf's sibling first. */
  proof: readonly Uint8Array[]
  /** The signed checkpoint, a note as it was published. */
  checkpoint: string
  /** Anything; not authenticated. */
  extra?: Uint8Array
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const MAX_PROOF_BYTES = 2 * 1024 * 1024

/**
 * The text of a proof file (`.tlog-proof`).
 *
 * @example
 * formatLogProof({ index: 0, proof: [], checkpoint }) // → `c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpoint}`
 */
export function formatLogProof({ index, proof, checkpoint, extra }: LogProof): string {
  requireCount(index, 'the index')
  const lines = [HEADER, ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]), `index ${index}`, ...proof.map(encodeBase64), '']
  return `${lines.join('\n')}\n${checkpoint}`
}

/**
 * Reads a proof file.
 * @throws {LogFormatError} for more than 2 MiB, more than 63 hashes, and whatever is no proof file
 *
 * @example
 * parseLogProof(formatLogProof({ index: 7, proof: [root], checkpoint })).index // → 7
 */
export function parseLogProof(file: Uint8Array | string): LogProof {
  const text = readText(file, MAX_PROOF_BYTES, 'proof')
  const end = text.indexOf('\n\n')
  if (end === -1) throw new LogFormatError('proof', 'has no checkpoint')
  const [header, ...lines] = text.slice(0, end).split('\n')
  if (header !== HEADER) throw new LogFormatError('proof', 'is of another format')
  const extra = lines[0]?.startsWith('extra ') ? decodeBase64(lines.shift()!.slice('extra '.length), 'extra') : undefined
  const index = lines.shift()
  if (!index?.startsWith('index ')) throw new LogFormatError('proof', 'has no index')
  if (lines.length > MAX_PROOF_HASHES) throw new LogFormatError('proof', `has more than ${MAX_PROOF_HASHES} hashes`)
  const proof = {
    index: decodeDecimal(index.slice('index '.length), 'index'),
    proof: lines.map((line) => decodeHash(line, 'proof')),
    checkpoint: text.slice(end + 2),
  }
  return extra === undefined ? proof : { ...proof, extra }
}

/**
 * Verifies that the entry with this hash is in a log that the policy trusts, as its witnesses saw it. Returns the checkpoint; undefined if the inclusion
 * proof does not lead to its root.
 * @throws {SignatureError} if the checkpoint does not satisfy the policy
 * @throws {LogFormatError} if it is none
 *
 * @example
 * const proof = { index: 1, proof: await inclusionProof(sha256, readFile, 1, size), checkpoint }
 * const policy = parsePolicy(sha256, `log ${logVerifierKey}\nquorum none\n`)
 * const trusted = await verifyLogProof(sha256, proof, leafHash(sha256, leafB), policy, verifySignature)
 * trusted.origin // → 'example.com/log'
 */
export async function verifyLogProof(
  hash: Hash,
  { index, proof, checkpoint }: LogProof,
  leafHash: Uint8Array,
  policy: Policy,
  check: SignatureCheck,
): Promise<TrustedCheckpoint | undefined> {
  const trusted = await verifyCheckpoint(parseNote(checkpoint), policy, check)
  return verifyInclusion(hash, { index, leafHash, proof, size: trusted.size, root: trusted.root }) ? trusted : undefined
}
