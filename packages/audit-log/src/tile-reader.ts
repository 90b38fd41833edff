import { LogFormatError, MissingTileError } from './errors.ts'
import { HASH_BYTES } from './tree.ts'
import { TILE_WIDTH, tilePath, type Tile } from './tile.ts'

/** Reads what is kept at a path; undefined if there is nothing. What it throws reaches the caller. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>

/**
 * The hashes of a tile. A partial tile that has been removed is taken from the full one.
 * @throws {MissingTileError}
 * @throws {LogFormatError} if its length is not that of its hashes
 */
export async function readHashTile(read: ReadFile, tile: Tile): Promise<Uint8Array> {
  const path = tilePath(tile)
  const bytes = await read(path)
  if (bytes !== undefined) return requireHashes(bytes, tile.width, path)
  if (tile.width === TILE_WIDTH) throw new MissingTileError(path)
  const fullPath = tilePath({ ...tile, width: TILE_WIDTH })
  const full = await read(fullPath)
  if (full === undefined) throw new MissingTileError(path)
  return requireHashes(full, TILE_WIDTH, fullPath).subarray(0, tile.width * HASH_BYTES)
}

function requireHashes(bytes: Uint8Array, width: number, path: string): Uint8Array {
  if (bytes.length !== width * HASH_BYTES) throw new LogFormatError(path, `has ${bytes.length} bytes, not ${width * HASH_BYTES}`)
  return bytes
}
