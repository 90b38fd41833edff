/** Inclusion and consistency proofs, made from tiles and verified. */
import { equalBytes, requireCount } from './bytes.ts'
import { foldPeaks, HASH_BYTES, nodeHash, perfectRoot, type Hash } from './tree.ts'
import { leavesUnder, TILE_WIDTH, tileHolding, tilePath } from './tile.ts'
import { readHashTile, type ReadFile } from './tile-reader.ts'

/** More than the height of any tree whose size is a number here; also the protocol's limit. */
export const MAX_PROOF_HASHES = 63

const LEVELS_PER_TILE = 8

/** A tree of `size` leaves with that root. */
export interface TreeHead {
  size: number
  root: Uint8Array
}

/** Leaves from `from` to before `until`. */
type Range = readonly [from: number, until: number]

/**
 * The audit path of the leaf at `index` in the tree of `size` leaves (RFC 6962, section 2.1.1), leaf's sibling first. It is only as true as the tiles:
 * verify it where they are not trusted.
 * @throws {RangeError} if the tree has no such leaf
 * @throws {MissingTileError}
 * @throws {LogFormatError} for a tile of another length
 *
 * @example
 * const proof = await inclusionProof(sha256, readFile, 1, size)
 * verifyInclusion(sha256, { index: 1, leafHash: leafHash(sha256, leafB), proof, size, root }) // → true
 */
export async function inclusionProof(hash: Hash, read: ReadFile, index: number, size: number): Promise<Uint8Array[]> {
  requireCount(size, 'the size')
  requireCount(index, 'the index')
  if (index >= size) throw new RangeError(`a tree of ${size} leaves has none at ${index}`)
  return hashesOf(hash, read, size, inclusionRanges(index, size))
}

/**
 * The proof that the tree of `from` leaves is the beginning of the tree of `to` leaves (RFC 6962, section 2.1.2): empty if they are equal, or `from` is 0.
 * @throws {RangeError} if `from` is more than `to`
 * @throws {MissingTileError}
 * @throws {LogFormatError} for a tile of another length
 *
 * @example
 * const proof = await consistencyProof(sha256, readFile, oldSize, size)
 * verifyConsistency(sha256, { from: { size: oldSize, root: oldRoot }, to: { size, root }, proof }) // → true
 */
export async function consistencyProof(hash: Hash, read: ReadFile, from: number, to: number): Promise<Uint8Array[]> {
  requireCount(from, 'the old size')
  requireCount(to, 'the new size')
  if (from > to) throw new RangeError(`a tree of ${from} leaves is not the beginning of one of ${to}`)
  return hashesOf(hash, read, to, from === 0 || from === to ? [] : consistencyRanges(from, to))
}

/**
 * Whether the leaf with this hash is at `index` in the tree (RFC 9162, section 2.1.3.2). False for anything that is out of bounds.
 *
 * @example
 * verifyInclusion(sha256, { index: 0, leafHash: leafHash(sha256, leafB), proof: [], size, root }) // → false
 */
export function verifyInclusion(
  hash: Hash,
  claim: { index: number; leafHash: Uint8Array; proof: readonly Uint8Array[] } & TreeHead,
): boolean {
  const { index, size, proof, root } = claim
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([claim.leafHash, root, ...proof])) return false
  let [node, last] = [index, size - 1]
  let found = claim.leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      found = nodeHash(hash, sibling, found)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      found = nodeHash(hash, found, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(found, root)
}

/**
 * Whether the one tree is the beginning of the other (RFC 9162, section 2.1.4.2). False for anything that is out of bounds. The empty tree, whose root is
 * SHA-256 of nothing, is the beginning of every one.
 *
 * @example
 * verifyConsistency(sha256, { from: { size, root: oldRoot }, to: { size, root }, proof: [] }) // → false
 */
export function verifyConsistency(hash: Hash, claim: { from: TreeHead; to: TreeHead; proof: readonly Uint8Array[] }): boolean {
  const { from, to, proof } = claim
  if (!isCount(from.size) || !isCount(to.size) || from.size > to.size || !areHashes([from.root, to.root, ...proof])) return false
  if (from.size === to.size) return proof.length === 0 && equalBytes(from.root, to.root)
  if (from.size === 0) return proof.length === 0 && equalBytes(from.root, foldPeaks(hash, []))
  if (proof.length === 0) return false
  const isPerfect = from.size === largestPower(from.size)
  const [start, ...rest] = isPerfect ? [from.root, ...proof] : proof
  let [node, last] = [from.size - 1, to.size - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [before, after] = [start!, start!]
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      before = nodeHash(hash, sibling, before)
      after = nodeHash(hash, sibling, after)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      after = nodeHash(hash, after, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(before, from.root) && equalBytes(after, to.root)
}

/** The subtrees on the way up from a leaf: its sibling first. */
export function inclusionRanges(index: number, size: number): Range[] {
  const ranges: Range[] = []
  let [from, until] = [0, size]
  while (until - from > 1) {
    const middle = from + splitOf(until - from)
    ranges.unshift(index < middle ? [middle, until] : [from, middle])
    if (index < middle) until = middle
    else from = middle
  }
  return ranges
}

function consistencyRanges(old: number, size: number): Range[] {
  const ranges: Range[] = []
  let [from, until] = [0, size]
  while (old !== until) {
    const middle = from + splitOf(until - from)
    ranges.unshift(old <= middle ? [middle, until] : [from, middle])
    if (old <= middle) until = middle
    else from = middle
  }
  // The old tree's own root is known to whoever has it.
  return from === 0 ? ranges : [[from, until], ...ranges]
}

/** The hashes of subtrees of a tree of `size` leaves; each tile is read once, all at the same time. */
async function hashesOf(hash: Hash, read: ReadFile, size: number, ranges: readonly Range[]): Promise<Uint8Array[]> {
  const tiles = new Map<string, Promise<Uint8Array>>()
  const nodes = ranges.map((range) => perfectSubtrees(range).map((node) => locate(node, size)))
  for (const { path, tile } of nodes.flat()) if (!tiles.has(path)) tiles.set(path, readHashTile(read, tile))
  await Promise.all(tiles.values())
  return Promise.all(
    nodes.map(async (range) => {
      const peaks = range.map(async ({ path, first, count }) => perfectRoot(hash, await tiles.get(path)!, first, count))
      return foldPeaks(hash, await Promise.all(peaks))
    }),
  )
}

/** The tile that has a perfect subtree, and which of the tile's hashes make it up. */
function locate({ width, index }: { width: number; index: number }, size: number) {
  const level = Math.floor(Math.log2(width) / LEVELS_PER_TILE)
  const count = width / leavesUnder(level)
  const tile = tileHolding(level, index * count, size)
  return { path: tilePath(tile), tile, first: (index * count) % TILE_WIDTH, count }
}

/** Ranges here begin at a multiple of a power of two that is at least as large as they are. */
function perfectSubtrees([from, until]: Range): { width: number; index: number }[] {
  const subtrees = []
  for (let at = from; at < until;) {
    const width = largestPower(until - at)
    subtrees.push({ width, index: at / width })
    at += width
  }
  return subtrees
}

/** The largest power of two that is not more than `count`. */
function largestPower(count: number): number {
  let power = 2 ** Math.floor(Math.log2(count))
  // Near 2^53 the logarithm rounds up.
  if (power > count) power /= 2
  return power
}

/** The largest power of two below `count`: how many leaves are under the left child. */
function splitOf(count: number): number {
  const power = largestPower(count)
  return power === count ? power / 2 : power
}

function half(count: number): number {
  return Math.floor(count / 2)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= MAX_PROOF_HASHES + 2 && hashes.every((one) => one.length === HASH_BYTES)
}
