/** Merkle tree hashes as RFC 6962, section 2.1, defines them. */

/** SHA-256, handed in: bytes to 32 bytes, at once. It must not keep its input, which is written over afterwards. */
export type Hash = (bytes: Uint8Array) => Uint8Array

export const HASH_BYTES = 32

const LEAF = 0x00
const NODE = 0x01

// Two hashes a leaf are most of what verification costs; allocating their inputs would cost more.
let leafInput = new Uint8Array(4096)
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES)
nodeInput[0] = NODE

/**
 * The hash of one entry: SHA-256(0x00 ‖ entry).
 *
 * @example
 * leafHash(sha256, new Uint8Array()).toHex() // → '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
 */
export function leafHash(hash: Hash, entry: Uint8Array): Uint8Array {
  if (leafInput.length <= entry.length) leafInput = new Uint8Array(2 * (entry.length + 1))
  leafInput[0] = LEAF
  leafInput.set(entry, 1)
  return hash(leafInput.subarray(0, entry.length + 1))
}

/**
 * The hash over two subtrees: SHA-256(0x01 ‖ left ‖ right).
 *
 * @example
 * const [left, right] = [leafHash(sha256, leafA), leafHash(sha256, leafB)]
 * nodeHash(sha256, left, right) // → treeRoot(sha256, [left, right])
 */
export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return hash(nodeInput)
}

/**
 * The root of the tree over these leaf hashes, such as those of a batch's records.
 *
 * @example
 * treeRoot(sha256, []).toHex() // → 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
 */
export function treeRoot(hash: Hash, leafHashes: readonly Uint8Array[]): Uint8Array {
  return foldPeaks(hash, peaksOf(hash, joined(leafHashes), leafHashes.length))
}

/** The root over adjacent subtrees, each larger than the next; the empty tree's without any. */
export function foldPeaks(hash: Hash, peaks: readonly Uint8Array[]): Uint8Array {
  if (peaks.length === 0) return hash(new Uint8Array())
  return peaks.reduceRight((right, left) => nodeHash(hash, left, right))
}

/** The roots of the perfect subtrees into which the first `count` of some adjacent hashes fall, largest first. */
export function peaksOf(hash: Hash, hashes: Uint8Array, count: number): Uint8Array[] {
  const peaks: Uint8Array[] = []
  for (let first = 0; first < count;) {
    const width = 2 ** Math.floor(Math.log2(count - first))
    peaks.push(perfectRoot(hash, hashes, first, width))
    first += width
  }
  return peaks
}

/** The root over `count` adjacent hashes, a power of two. */
export function perfectRoot(hash: Hash, hashes: Uint8Array, first: number, count: number): Uint8Array {
  const level = hashes.slice(first * HASH_BYTES, (first + count) * HASH_BYTES)
  for (let width = count / 2; width >= 1; width /= 2)
    for (let i = 0; i < width; i++) {
      nodeInput.set(level.subarray(2 * i * HASH_BYTES, 2 * (i + 1) * HASH_BYTES), 1)
      level.set(hash(nodeInput), i * HASH_BYTES)
    }
  return level.slice(0, HASH_BYTES)
}

/** @throws {RangeError} if one is not a hash */
export function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES)
  for (const [i, one] of hashes.entries()) {
    if (one.length !== HASH_BYTES) throw new RangeError(`a hash of ${one.length} bytes`)
    bytes.set(one, i * HASH_BYTES)
  }
  return bytes
}

/** The `i`-th of adjacent hashes: a view. */
export function hashAt(hashes: Uint8Array, i: number): Uint8Array {
  return hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
}
