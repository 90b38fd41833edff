/** Tiles and entry bundles of C2SP tlog-tiles: which there are, and the paths at which they are kept. */
import { requireCount } from './bytes.ts'
import { LogFormatError } from './errors.ts'

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256

/** Where a tile of hashes or a bundle of entries is in the tree. */
export interface Tile {
  /** 0 for leaf hashes, n + 1 for the roots of full tiles at level n; `entries` for a bundle. */
  level: number | 'entries'
  /** Number of the tile within its level. */
  index: number
  /** Hashes or entries in it, 1 to 256; less than 256 is a partial one. */
  width: number
}

/** Bytes to be kept at a path. */
export interface TileFile {
  path: string
  tile: Tile
  bytes: Uint8Array
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/
const MAX_LEVEL = 63

/**
 * The path of a tile, without a leading slash.
 * @throws {RangeError} for what is no tile
 *
 * @example
 * tilePath({ level: 0, index: 1234067, width: 256 }) // → 'tile/0/x001/x234/067'
 * tilePath({ level: 'entries', index: 273, width: 112 }) // → 'tile/entries/273.p/112'
 */
export function tilePath({ level, index, width }: Tile): string {
  requireCount(index, 'the index of a tile')
  if (level !== 'entries' && !(Number.isInteger(level) && level >= 0 && level <= MAX_LEVEL)) throw new RangeError(`no level: ${level}`)
  if (!(Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH)) throw new RangeError(`no width of a tile: ${width}`)
  const digits = String(index)
  const groups = digits.padStart(3 * Math.ceil(digits.length / 3), '0').match(/\d{3}/g)!
  const number = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${number}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

/**
 * Reads a path, such as that of a request.
 * @throws {LogFormatError} for any other text than {@link tilePath} returns
 *
 * @example
 * parseTilePath('tile/1/x001/000.p/17') // → { level: 1, index: 1000, width: 17 }
 */
export function parseTilePath(path: string): Tile {
  const [, level = '', number = '', width] = path.length > 64 ? [] : (PATH.exec(path) ?? [])
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(number.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  }
  // Refuses leading zeros, widths of 256 and more, levels above 63, and numbers that are not exact.
  const isCanonical =
    level !== '' && Number.isSafeInteger(tile.index) && (level === 'entries' || Number(level) <= MAX_LEVEL) && tile.width <= TILE_WIDTH
  if (!isCanonical || tilePath(tile) !== path) throw new LogFormatError('tile', 'is no path of a tile')
  return tile
}

/**
 * The tiles that a tree of `to` leaves has and one of `from` leaves has not, bundles of entries included: what an append must write.
 *
 * @example
 * newTiles(255, 257).map(tilePath) // → ['tile/entries/000', 'tile/entries/001.p/1', 'tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']
 */
export function newTiles(from: number, to: number): Tile[] {
  requireCount(from, 'the old size')
  requireCount(to, 'the new size')
  const tiles: Tile[] = []
  for (const level of ['entries', 0, 1, 2, 3, 4, 5, 6] as const) {
    const unit = leavesUnder(level)
    const [before, after] = [Math.floor(from / unit), Math.floor(to / unit)]
    if (after <= before) continue
    for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < after; index++)
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, after - index * TILE_WIDTH) })
  }
  return tiles
}

/**
 * The partial tiles of a tree, which may be removed once a larger one has the full ones.
 *
 * @example
 * partialTiles(70_000).map(tilePath) // → ['tile/entries/273.p/112', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']
 */
export function partialTiles(size: number): Tile[] {
  requireCount(size, 'the size')
  return (['entries', 0, 1, 2, 3, 4, 5, 6] as const).flatMap((level) => {
    const count = Math.floor(size / leavesUnder(level))
    const width = count % TILE_WIDTH
    return width === 0 ? [] : [{ level, index: (count - width) / TILE_WIDTH, width }]
  })
}

/**
 * Whether a log that no longer serves the entries before `minimum` may do without the tile.
 *
 * @example
 * isPrunable({ level: 'entries', index: 0, width: 256 }, 256) // → true
 * isPrunable({ level: 1, index: 0, width: 256 }, 256) // → false
 */
export function isPrunable(tile: Tile, minimum: number): boolean {
  return tile.width === TILE_WIDTH && (tile.index + 1) * TILE_WIDTH * leavesUnder(tile.level) <= minimum
}

/** How many leaves one hash of that level stands for. */
export function leavesUnder(level: number | 'entries'): number {
  return level === 'entries' ? 1 : TILE_WIDTH ** level
}

/** The tile of a level in a tree of that size which holds the level's hash with that number. */
export function tileHolding(level: number | 'entries', hashIndex: number, size: number): Tile {
  const index = Math.floor(hashIndex / TILE_WIDTH)
  return { level, index, width: Math.min(TILE_WIDTH, Math.floor(size / leavesUnder(level)) - index * TILE_WIDTH) }
}
