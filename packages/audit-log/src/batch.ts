/** Batches: records of plain uses, of which the log has one leaf with the root of their tree. */
import { decodeHash, encodeBase64, equalBytes } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { parseLeaf } from './leaf-format.ts'
import type { BatchLeaf, RecordLeaf } from './leaf.ts'
import { inclusionRanges, verifyInclusion } from './proof.ts'
import { leafHash, treeRoot, type Hash } from './tree.ts'

/**
 * Root (base64) and count of some records, encoded, for their batch's leaf.
 * @throws {RangeError} without records
 *
 * @example
 * const { root, count } = batchOf(sha256, records)
 * count // → 3
 */
export function batchOf(hash: Hash, records: readonly Uint8Array[]): Pick<BatchLeaf, 'root' | 'count'> {
  if (records.length === 0) throw new RangeError('a batch has at least one record')
  return { root: encodeBase64(treeRoot(hash, hashesOf(hash, records))), count: records.length }
}

/**
 * The inclusion proof of one record in its batch.
 * @throws {RangeError} if there is no such record
 *
 * @example
 * batchProof(sha256, records, 2).length // → 1
 */
export function batchProof(hash: Hash, records: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!(Number.isInteger(index) && index >= 0 && index < records.length)) throw new RangeError(`a batch has no record ${index}`)
  const hashes = hashesOf(hash, records)
  return inclusionRanges(index, hashes.length).map(([from, until]) => treeRoot(hash, hashes.slice(from, until)))
}

/**
 * Whether the record (encoded) is at `index` in the batch, and names the batch's server and number.
 *
 * @example
 * verifyBatchRecord(sha256, batch, { record: records[2], index: 2, proof: batchProof(sha256, records, 2) }) // → true
 */
export function verifyBatchRecord(
  hash: Hash,
  batch: BatchLeaf,
  { record, index, proof }: { record: Uint8Array; index: number; proof: readonly Uint8Array[] },
): boolean {
  const head = { size: batch.count, root: decodeHash(batch.root, 'root') }
  return isRecordOf(batch, record) && verifyInclusion(hash, { index, leafHash: leafHash(hash, record), proof, ...head })
}

/**
 * Whether these are the batch's records (encoded), all of them and in their order.
 *
 * @example
 * verifyBatch(sha256, batch, records) // → true
 * verifyBatch(sha256, batch, records.slice(1)) // → false
 */
export function verifyBatch(hash: Hash, batch: BatchLeaf, records: readonly Uint8Array[]): boolean {
  if (records.length !== batch.count || !records.every((record) => isRecordOf(batch, record))) return false
  return equalBytes(treeRoot(hash, hashesOf(hash, records)), decodeHash(batch.root, 'root'))
}

function isRecordOf(batch: BatchLeaf, record: Uint8Array): boolean {
  try {
    const leaf = parseLeaf(record)
    return leaf.kind === undefined && (leaf satisfies RecordLeaf).server === batch.server && leaf.seq === batch.seq
  } catch (error) {
    if (error instanceof LogFormatError) return false
    throw error
  }
}

function hashesOf(hash: Hash, records: readonly Uint8Array[]): Uint8Array[] {
  return records.map((record) => leafHash(hash, record))
}
