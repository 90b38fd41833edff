import { requireCount } from './bytes.ts'
import { foldPeaks, HASH_BYTES, joined, peaksOf, perfectRoot, type Hash } from './tree.ts'
import { leavesUnder, TILE_WIDTH, tileHolding, tilePath, type TileFile } from './tile.ts'
import { readHashTile, type ReadFile } from './tile-reader.ts'

/** The right edge of a tree: all that appending to it and its root need. Nothing changes it; an append returns another. */
export interface Edge {
  /** Leaves in the tree. */
  readonly size: number
  /** For each level, lowest first, the hashes in its partial tile: none if its last tile is full. */
  readonly levels: readonly Uint8Array[]
}

/**
 * The edge of the tree without leaves.
 *
 * @example
 * emptyEdge().size // → 0
 */
export function emptyEdge(): Edge {
  return { size: 0, levels: [] }
}

/**
 * The edge of a tree of `size` leaves, from its tiles: at most one a level. Whether they belong to a checkpoint is seen by comparing
 * {@link edgeRoot} with its root.
 * @throws {MissingTileError}
 * @throws {LogFormatError} for a tile of another length
 *
 * @example
 * const edge = await readEdge(readFile, size)
 * edgeRoot(sha256, edge) // → root
 */
export async function readEdge(read: ReadFile, size: number): Promise<Edge> {
  requireCount(size, 'the size')
  const levels: Promise<Uint8Array>[] = []
  for (let level = 0; leavesUnder(level) <= size; level++) {
    const count = Math.floor(size / leavesUnder(level))
    const isFull = count % TILE_WIDTH === 0
    levels.push(isFull ? Promise.resolve(new Uint8Array()) : readHashTile(read, tileHolding(level, count - 1, size)))
  }
  return { size, levels: await Promise.all(levels) }
}

/**
 * Appends leaf hashes. Returns the new edge, and the tiles of hashes to write before a checkpoint of the new size is published: those that became full,
 * and the partial ones of the new size. Appending in any steps leads to the same full tiles.
 *
 * @example
 * const { edge, tiles } = appendLeaves(sha256, emptyEdge(), [leafHash(sha256, leafA), leafHash(sha256, leafB)])
 * tiles.map(({ path }) => path) // → ['tile/0/000.p/2']
 */
export function appendLeaves(hash: Hash, edge: Edge, leafHashes: readonly Uint8Array[]): { edge: Edge; tiles: TileFile[] } {
  const size = edge.size + leafHashes.length
  requireCount(size, 'the size')
  const levels = [...edge.levels]
  const tiles: TileFile[] = []
  let arriving: Uint8Array = joined(leafHashes)
  for (let level = 0; arriving.length > 0; level++) {
    const partial = levels[level] ?? new Uint8Array()
    const hashes = new Uint8Array(partial.length + arriving.length)
    hashes.set(partial)
    hashes.set(arriving, partial.length)
    const first = Math.floor(Math.floor(edge.size / leavesUnder(level)) / TILE_WIDTH)
    const count = hashes.length / HASH_BYTES
    const full = Math.floor(count / TILE_WIDTH)
    const roots = new Uint8Array(full * HASH_BYTES)
    for (let i = 0; i < full; i++) {
      const bytes = hashes.slice(i * TILE_WIDTH * HASH_BYTES, (i + 1) * TILE_WIDTH * HASH_BYTES)
      const tile = { level, index: first + i, width: TILE_WIDTH }
      tiles.push({ path: tilePath(tile), tile, bytes })
      roots.set(perfectRoot(hash, bytes, 0, TILE_WIDTH), i * HASH_BYTES)
    }
    const rest = hashes.slice(full * TILE_WIDTH * HASH_BYTES)
    if (rest.length > 0) {
      const tile = { level, index: first + full, width: rest.length / HASH_BYTES }
      tiles.push({ path: tilePath(tile), tile, bytes: rest })
    }
    levels[level] = rest
    arriving = roots
  }
  return { edge: { size, levels }, tiles }
}

/**
 * The root of the tree, as a checkpoint of its size has it.
 *
 * @example
 * edgeRoot(sha256, emptyEdge()).toHex() // → 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
 */
export function edgeRoot(hash: Hash, edge: Edge): Uint8Array {
  return foldPeaks(hash, edgePeaks(hash, edge))
}

/**
 * The compact range of the tree: the roots of its perfect subtrees, largest first, as many as its size has bits set. With the size it is enough for the
 * root.
 *
 * @example
 * edgePeaks(sha256, appendLeaves(sha256, emptyEdge(), new Array(7).fill(root)).edge).length // → 3
 */
export function edgePeaks(hash: Hash, edge: Edge): Uint8Array[] {
  return edge.levels.toReversed().flatMap((hashes) => peaksOf(hash, hashes, hashes.length / HASH_BYTES))
}
